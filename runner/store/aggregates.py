"""Figures: what the success of a team's experiments is reckoned from, added up where the rows are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runner import clock
from runner.store.database import Database

_WITHIN = "injected = 1 AND started >= :since AND started < :until"
_SUMMED = ("passed", "failed", "undecided", "requests", "bad")


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """k of n; `undecided` of the n were never answered."""

    k: int
    n: int
    undecided: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """What happened from `since` until `until`, counting only runs that injected something."""

    since: datetime
    until: datetime
    runs: int
    good: Count
    """Requests answered well while something was injected or put back, over the availability objectives."""
    objectives: Count
    """Objectives that passed; the undecided ones did not."""
    weaknesses: tuple[str, ...]
    """Experiments, as `name on service`, that showed something their file did not predict: what failed, was aborted by a
    guard or could not be put back."""


def period(database: Database, since: datetime, until: datetime) -> Period:
    """Add up a period. Raises EnvironmentFailure."""
    given = {"since": clock.rfc3339(since), "until": clock.rfc3339(until)}
    sums = ", ".join(f"coalesce(sum({column}), 0) AS {column}" for column in _SUMMED)
    (found,) = database.read(f"SELECT count(*) AS runs, {sums} FROM runs WHERE {_WITHIN}", given)
    judged = found["passed"] + found["failed"] + found["undecided"]
    return Period(
        since=since,
        until=until,
        runs=found["runs"],
        good=Count(k=int(found["requests"] - found["bad"]), n=int(found["requests"])),
        objectives=Count(k=found["passed"], n=judged, undecided=found["undecided"]),
        weaknesses=_weaknesses(database, given),
    )


def first(database: Database) -> datetime | None:
    """When the first run began; None without any. Raises EnvironmentFailure."""
    (found,) = database.read("SELECT min(started) AS at FROM runs", {})
    return datetime.fromisoformat(found["at"]) if found["at"] else None


def _weaknesses(database: Database, given: Mapping[str, Any]) -> tuple[str, ...]:
    found = database.read(
        f"SELECT DISTINCT name, service FROM runs WHERE {_WITHIN} AND"
        " (verdict IN ('FAIL', 'UNDO_FAILED') OR (verdict = 'ABORTED' AND by_person = 0)) ORDER BY service, name",
        given,
    )
    return tuple(f"{row['name']} on {row['service']}" for row in found)
