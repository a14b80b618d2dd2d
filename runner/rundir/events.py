"""The file of a run's events: one JSON object a line, appended by the run and, when it has died, by whoever puts things back.

Any writer may be killed in the middle of a line, and the disk may be full. So the reader leaves out what is no whole line, and a writer
begins a line of its own where another one's was torn: else both would be lost.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.rundir.names import EVENTS


def read(folder: Path) -> list[dict[str, Any]]:
    """Every whole event of a run, in the order they were written; none where it has no such file."""
    try:
        lines = (folder / EVENTS).read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return [event for event in found if isinstance(event, dict)]


def _is_torn(path: Path) -> bool:
    """Whether its last line has no end."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


class EventWriter:
    """Appends events, each on disk before the next. A full disk stops nobody: what cannot be written is left out."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the file cannot be opened."""
        path = folder / EVENTS
        self._torn = _is_torn(path)
        self._file = path.open("ab")

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one line."""
        line = json.dumps(event).encode() + b"\n"
        with contextlib.suppress(OSError):  # a full disk: the line stays in the buffer for the next try
            self._file.write(b"\n" + line if self._torn else line)
            self._torn = False
            self._file.flush()

    def close(self) -> None:
        """Nothing more is written."""
        with contextlib.suppress(OSError):  # a full disk: what is lost is the last lines, not the verdict
            self._file.close()
