"""Figures: what the success of a team's experiments is reckoned from, added up where the rows are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runner import clock
from runner.store.database import Database

_INJECTED = "r.injected = 1"
_BY_PERSON = (
    "EXISTS (SELECT 1 FROM events e WHERE e.run = r.run AND e.event = 'abort' AND e.fields LIKE '%\"by\": \"person\"%')"
)
_WITHIN = "r.started >= :since AND r.started < :until"


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


@dataclass(frozen=True, kw_only=True, slots=True)
class LastTest:
    """When an experiment last injected something into a service."""

    service: str
    experiment: str
    at: datetime


def period(database: Database, since: datetime, until: datetime) -> Period:
    """Add up a period. Raises EnvironmentFailure."""
    given = {"since": clock.rfc3339(since), "until": clock.rfc3339(until)}
    runs = database.read(f"SELECT count(*) AS n FROM runs r WHERE {_WITHIN} AND {_INJECTED}", given)[0]["n"]
    judged = _by_verdict(database, given)
    bad, total = (sum(row[key] for row in judged if row["kind"] == "availability") for key in ("bad", "total"))
    verdicts = {v: sum(row["n"] for row in judged if row["verdict"] == v) for v in ("PASS", "FAIL", "INCONCLUSIVE")}
    return Period(
        since=since,
        until=until,
        runs=runs,
        good=Count(k=total - bad, n=total),
        objectives=Count(k=verdicts["PASS"], n=sum(verdicts.values()), undecided=verdicts["INCONCLUSIVE"]),
        weaknesses=_weaknesses(database, given),
    )


def last_tests(database: Database) -> list[LastTest]:
    """Every experiment on every service, the longest untested first. Raises EnvironmentFailure."""
    sql = f"SELECT r.service, r.name, max(r.started) AS at FROM runs r WHERE {_INJECTED} GROUP BY r.service, r.name ORDER BY at"
    return [
        LastTest(service=row["service"], experiment=row["name"], at=datetime.fromisoformat(row["at"]))
        for row in database.read(sql, {})
    ]


def _by_verdict(database: Database, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    return database.read(
        "SELECT o.kind, o.verdict, count(*) AS n, sum(o.bad) AS bad, sum(o.total) AS total FROM objectives o"
        f" JOIN runs r ON r.run = o.run WHERE {_WITHIN} AND {_INJECTED} GROUP BY o.kind, o.verdict",
        given,
    )


def _weaknesses(database: Database, given: Mapping[str, Any]) -> tuple[str, ...]:
    found = database.read(
        f"SELECT DISTINCT r.name, r.service FROM runs r WHERE {_WITHIN} AND {_INJECTED} AND"
        f" (r.verdict IN ('FAIL', 'UNDO_FAILED') OR (r.verdict = 'ABORTED' AND NOT {_BY_PERSON}))"
        " ORDER BY r.service, r.name",
        given,
    )
    return tuple(f"{row['name']} on {row['service']}" for row in found)
