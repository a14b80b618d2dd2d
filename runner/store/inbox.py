"""Inbox: what people in other terminals tell a run; one JSON object a line in a file of the run's folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import errors

NAME = "inbox.jsonl"


def post(folder: Path, message: Mapping[str, Any]) -> None:
    """Add one message, on disk when it returns; several may post at once. Raises EnvironmentFailure."""
    line = json.dumps(dict(message), ensure_ascii=False) + "\n"
    try:
        descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as problem:
        raise errors.EnvironmentFailure(f"the run in {folder} cannot be told anything: {problem.strerror}") from None
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
