"""Finished: a run that is over, as everything in this package takes it: its record, its events, what is still open of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.timeline.record import RunRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """One run; `undone` counts the records of its undo ledger that are closed by now, `left` names those that are not."""

    record: RunRecord
    events: Sequence[Mapping[str, Any]] = ()
    """In their wire form."""
    undone: int = 0
    left: tuple[str, ...] = ()
