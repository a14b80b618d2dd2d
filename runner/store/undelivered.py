"""Undelivered: runs that may have changed something and are not yet on the record they belong to; who opens that brings what is over.

The note is made before the first change, so that a run which loses its runner is missed too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from runner import errors, files
from runner.rundir import paths
from runner.rundir.live import LiveRun
from runner.store.problems import shown

_NAME = "undelivered"


def hold(run: str, store: str | None) -> None:
    """Note, before anything is changed, that a run belongs to this record. Raises OSError."""
    folder = paths.state_dir() / _NAME
    folder.mkdir(mode=0o700, exist_ok=True)
    files.write_atomically(folder / run, shown(paths.store_url(store)), durable=False)


def release(run: str) -> None:
    """It is on the record, or there is nothing to remember of it."""
    with contextlib.suppress(OSError):
        (paths.state_dir() / _NAME / run).unlink()


def belongs_to(run: str) -> str | None:
    """The URL of the record that still lacks a run; None when none does, or when its password is not known here."""
    with contextlib.suppress(OSError, errors.EnvironmentFailure, errors.UsageError):
        noted, ours = (paths.state_dir() / _NAME / run).read_text(encoding="utf-8"), paths.store_url(None)
        if shown(ours) == noted:
            return ours
        return noted if "://" not in noted else None
    return None


def waiting(url: str) -> Iterator[tuple[str, Path]]:
    """The runs, with their folders, that the record at this URL has not got, and whose runner is not about to deliver them."""
    with contextlib.suppress(OSError, errors.EnvironmentFailure):
        for note in sorted((paths.state_dir() / _NAME).iterdir()):
            folder = paths.runs_dir() / note.name
            if not folder.exists():  # it was forgotten while its runner died
                release(note.name)
                continue
            ours = not note.name.startswith(".") and note.read_text(encoding="utf-8") == shown(url)
            if ours and not LiveRun(note.name, folder).is_parent_alive():
                yield note.name, folder
