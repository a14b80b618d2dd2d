"""Finished: a run that is over, as everything in this package takes it: its record, its events, what is still open of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.timeline.record import RunRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """One run; `undone` and `open` count the records of its undo ledger as they stand now."""

    record: RunRecord
    events: Sequence[Mapping[str, Any]] = ()
    """In their wire form."""
    undone: int = 0
    open: int = 0
