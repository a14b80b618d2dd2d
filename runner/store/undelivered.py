"""Undelivered: runs whose verdict is safe in their folder and not yet on the record it belongs to; the next who opens that brings it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from runner import errors, files
from runner.store import place
from runner.store.live import LiveRun
from runner.store.problems import shown

_NAME = "undelivered"


def hold(run: str, store: str | None) -> None:
    """Note, before the record is asked to keep it, that a run belongs to this one. Raises OSError."""
    folder = place.state_dir() / _NAME
    folder.mkdir(mode=0o700, exist_ok=True)
    files.write_atomically(folder / run, shown(place.store_url(store)), durable=False)


def release(run: str) -> None:
    """It is on the record."""
    with contextlib.suppress(OSError):
        (place.state_dir() / _NAME / run).unlink()


def waiting(url: str) -> Iterator[tuple[str, Path]]:
    """The runs, with their folders, that the record at this URL has not got, and whose runner is not about to deliver them."""
    with contextlib.suppress(OSError, errors.EnvironmentFailure):
        for note in sorted((place.state_dir() / _NAME).iterdir()):
            folder = place.runs_dir() / note.name
            ours = not note.name.startswith(".") and note.read_text(encoding="utf-8") == shown(url)
            if ours and not LiveRun(note.name, folder).parent_alive():
                yield note.name, folder
