"""Distributions: of each experiment on each service all its TTDs and TTRs, packed into one row, for figures over very many runs.

A row is made anew from its runs in the transaction that saves one of them, so that it never drifts from what it sums up.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runner import clock
from runner.timeline import mttd_mttr
from runner.timeline.mttd_mttr import Durations

if TYPE_CHECKING:
    from runner.store.database import Database

LATEST = 200
"""Values that are shown one by one."""
COLUMNS = ("ttd_ended", "ttd_bounds", "ttd_latest", "ttr_ended", "ttr_bounds", "ttr_history")

Execute = Callable[[str, Any], Any]
Wait = tuple[float, bool]
"""Seconds, and whether they are only a lower bound."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The TTDs or the TTRs of some runs, by their length and as they happened."""

    durations: Durations
    history: array[float]
    """Three numbers a value, the oldest first: when its run began in Unix seconds, its seconds, and 1.0 for a lower bound.
    Of TTDs only the last ones, for nobody asks for more."""

    def latest(self) -> list[Wait]:
        """The last of them, the oldest first."""
        return _waits(self.history[-3 * LATEST :])

    def between(self, since: datetime, until: datetime | None = None) -> list[Wait]:
        """Those of the runs begun from `since` on and before `until`."""
        began = self.history[::3]
        first = bisect_left(began, _unix(clock.rfc3339(since)))
        last = bisect_left(began, _unix(clock.rfc3339(until))) if until else len(began)
        return _waits(self.history[3 * first : 3 * last])


@dataclass(frozen=True, slots=True)
class Distribution:
    """One experiment on one service."""

    service: str
    name: str
    runs: int
    ttd: Waits
    ttr: Waits

    @property
    def title(self) -> str:
        return f"{self.name} on {self.service}"


def read(database: Database, service: str | None) -> list[Distribution]:
    """Every one, or those of a service. Raises EnvironmentFailure."""
    where, given = ("WHERE service = :service", {"service": service}) if service else ("", {})
    rows = database.tuples(f"SELECT service, name, runs, {', '.join(COLUMNS)} FROM distributions {where}", given)
    split = ((*row[:3], row[3:6], row[6:]) for row in rows)
    return [Distribution(of, name, runs, _unpacked(*ttd), _unpacked(*ttr)) for of, name, runs, ttd, ttr in split]


def tested(database: Database) -> list[tuple[str, str, datetime]]:
    """Service, name and when it last injected something, the longest ago first. Raises EnvironmentFailure."""
    found = database.tuples(
        "SELECT service, name, tested FROM distributions WHERE tested IS NOT NULL ORDER BY tested", {}
    )
    return [(service, name, datetime.fromisoformat(at)) for service, name, at in found]


def latest(database: Database, which: str, service: str | None) -> list[Wait]:
    """The last TTDs or TTRs (`which`) of all runs, or of those on a service, the oldest first. Raises EnvironmentFailure."""
    only, given = (" AND service = :service", {"service": service}) if service else ("", {})
    sql = f"SELECT {which}_s, {which}_censored FROM runs WHERE {which}_s IS NOT NULL{only} ORDER BY started DESC, run DESC LIMIT {LATEST}"
    return [(seconds, censored == 1) for seconds, censored in reversed(database.tuples(sql, given))]


def refresh(execute: Execute, groups: Iterable[tuple[str, str]]) -> None:
    """Make the rows of these (service, name) anew, within the caller's transaction."""
    for service, name in sorted(set(groups)):  # in one order, against deadlocks
        key = {"service": service, "name": name}
        empty = dict.fromkeys(COLUMNS, b"") | key | {"runs": 0}
        execute(
            f"INSERT INTO distributions ({', '.join(empty)}) VALUES ({', '.join(f':{c}' for c in empty)})"
            " ON CONFLICT DO NOTHING",
            empty,
        )
        # whoever changes the row has it until the commit: who comes second then sees the other's run too
        execute("UPDATE distributions SET runs = 0 WHERE service = :service AND name = :name", key)
        _fill(execute, key)


def refresh_all(execute: Execute) -> None:
    """Make every row anew."""
    execute("DELETE FROM distributions", {})
    refresh(execute, [tuple(row) for row in execute("SELECT DISTINCT service, name FROM runs", {})])


def _fill(execute: Execute, key: dict[str, str]) -> None:
    rows = execute(
        "SELECT started, injected, ttd_s, ttd_censored, ttr_s, ttr_censored FROM runs"
        " WHERE service = :service AND name = :name ORDER BY started, run",
        key,
    ).fetchall()
    if not rows:
        execute("DELETE FROM distributions WHERE service = :service AND name = :name", key)
        return
    row = {
        "runs": len(rows),
        "tested": max((started for started, injected, *_ in rows if injected), default=None),
        **_packed("ttd", [(started, s, c) for started, _, s, c, _, _ in rows if s is not None], latest=LATEST),
        **_packed("ttr", [(started, s, c) for started, _, _, _, s, c in rows if s is not None], history=len(rows)),
    }
    changed = ", ".join(f"{column} = :{column}" for column in row)
    execute(f"UPDATE distributions SET {changed} WHERE service = :service AND name = :name", row | key)


def _packed(which: str, values: Sequence[tuple[str, float, int]], **kept: int) -> dict[str, bytes]:
    """`kept`: the name of the column for the values as they happened, and how many of the last ones go there."""
    ended, bounds = mttd_mttr.durations((seconds, censored == 1) for _, seconds, censored in values)
    ((column, most),) = kept.items()
    told = [number for started, *wait in values[-most:] for number in (_unix(started), *wait)]
    numbers = {"ended": ended, "bounds": bounds, column: told}
    return {f"{which}_{part}": _swapped(array("d", found)).tobytes() for part, found in numbers.items()}


def _unpacked(ended: bytes, bounds: bytes, history: bytes) -> Waits:
    return Waits(Durations(_numbers(ended).tolist(), _numbers(bounds).tolist()), _numbers(history))


def _numbers(packed: bytes) -> array[float]:
    numbers = array("d")
    numbers.frombytes(packed)
    return _swapped(numbers)


def _swapped(numbers: array[float]) -> array[float]:
    """Little-endian wherever it was written: machines of a team differ."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _waits(history: array[float]) -> list[Wait]:
    return list(zip(history[1::3], map(bool, history[2::3]), strict=True))


def _unix(started: str) -> float:
    return datetime.fromisoformat(started).timestamp()
