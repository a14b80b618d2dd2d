"""Ledger: the undo records of one run, on disk before each change, append-only, and safe to read after any crash.

A line opens a record, states what became of an attempt to undo it, or (rarely) is the torn end of a crash and is skipped.
A record is closed by `undone`, `already`, `by hand` or `left`; whatever is open is what is still to be undone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import files
from runner.timeline.vocabulary import CLOSING, UndoState

ROLLBACK = "rollback"
"""A rollback of the file itself."""
SILENCE = "silence"
DRILL = "drill"


@dataclass(frozen=True, kw_only=True, slots=True)
class UndoRecord:
    """One thing to put back: `kind` says how (see undo.py), `what` says it to people, `args` are its plain values."""

    number: int
    kind: str
    what: str
    args: dict[str, Any] = field(default_factory=dict)


class Ledger:
    """The file `ledger.jsonl` of a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.jsonl"

    def open(self, kind: str, what: str, **args: Any) -> UndoRecord:
        """Write an undo record; whole and on the disk when this returns, and only then may the change be made. Raises OSError."""
        record = UndoRecord(number=len(self.records()) + 1, kind=kind, what=what, args=args)
        self._append({"open": record.number, "kind": kind, "what": what, "args": args})
        return record

    def settle(self, number: int, state: UndoState, error: str | None = None, **account: Any) -> None:
        """Note the outcome of an attempt: `undone`, `already` or `failed`, with `seconds` and Chaos Toolkit's `run`.

        On a full disk it stays open: undoing goes first.
        """
        with contextlib.suppress(OSError):
            self._append({"settle": number, "state": state, "error": error, **account})

    def settle_all(self, state: UndoState, *, but: Callable[[UndoRecord], bool]) -> list[UndoRecord]:
        """Nothing was broken, or it is gone, or it is `left`: close everything that is open, `but` some; what was closed by that."""
        settled = [record for record in self.outstanding() if not but(record)]
        for record in settled:
            self.settle(record.number, state)
        return settled

    def records(self) -> list[UndoRecord]:
        """All, open or not, in the order of their opening."""
        return [
            UndoRecord(number=line["open"], kind=line["kind"], what=line["what"], args=line["args"])
            for line in self._lines()
            if "open" in line
        ]

    def settle_by_hand(self, person: str, reason: str) -> None:
        """A person answers for what is open: it was put back, or is not there any more. Waits for whoever is undoing."""
        with self.playing():
            for record in self.outstanding():
                account = {"error": None, "person": person, "reason": reason}
                self._append({"settle": record.number, "state": UndoState.BY_HAND, **account})

    def outstanding(self) -> list[UndoRecord]:
        """What is still to be undone, in the order of undoing: last in, first out."""
        closed = {line["settle"] for line in self._lines() if line.get("state") in CLOSING}
        return [r for r in reversed(self.records()) if r.number not in closed]

    def outcomes(self) -> list[dict[str, Any]]:
        """The last attempt at each record: `{what, state, error, seconds, run}`, in the order of undoing."""
        last = {line["settle"]: line for line in self._lines() if "settle" in line}
        what = {r.number: r.what for r in self.records()}
        keys = ("state", "error", "seconds", "run")
        return [{"what": what[number]} | {k: line.get(k) for k in keys} for number, line in last.items()]

    @contextmanager
    def playing(self) -> Iterator[None]:
        """Hold the ledger while undoing; a second player waits here and then finds nothing left to do."""
        with self.path.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def is_being_played(self) -> bool:
        """Whether somebody is undoing right now."""
        if not self.path.exists():
            return False
        with self.path.open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _lines(self) -> list[dict[str, Any]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines() if _whole(line)]

    def _append(self, line: dict[str, Any]) -> None:
        created = not self.path.exists()
        files.append_line(self.path, json.dumps(line))
        if created:
            _sync_folder(self.path.parent)


def _whole(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
