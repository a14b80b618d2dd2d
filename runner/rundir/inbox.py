"""Inbox: what people in other terminals tell a run; one JSON object a line in a file of the run's folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import errors, files

NAME = "inbox.jsonl"


def post(folder: Path, message: Mapping[str, Any]) -> None:
    """Add one message, on disk when it returns; several may post at once. Raises EnvironmentFailure."""
    try:
        files.append_line(folder / NAME, json.dumps(dict(message), ensure_ascii=False))
    except OSError as problem:
        raise errors.EnvironmentFailure(f"the run in {folder} cannot be told anything: {problem.strerror}") from None


class Inbox:
    """The run's side: every message once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._read = 0

    def poll(self) -> list[dict[str, Any]]:
        """The messages that came since the last call; a line still being written waits, one that is no object is left out."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                fresh = file.read()
        except FileNotFoundError:
            return []
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        return list(_messages(whole))


def _messages(text: bytes) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            message = json.loads(line)
            if isinstance(message, dict):
                found.append(message)
    return found
