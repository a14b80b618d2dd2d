"""Store: save a run, find it again, list them."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from runner import clock, errors
from runner.rundir import events as event_file
from runner.rundir import paths
from runner.rundir.names import RECORD
from runner.store import aggregates, distributions, undelivered
from runner.store import rows as rowing
from runner.store.aggregates import Period
from runner.store.database import Database, Writer
from runner.store.distributions import Distribution, Wait
from runner.store.presence import Presence

if TYPE_CHECKING:
    from runner.timeline.event import Event
    from runner.timeline.record import RunRecord

WireEvent = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One run in a list. `name` is its experiment file's name: runs are compared with those of the same service and name."""

    run: str
    started: datetime
    ended: datetime
    name: str
    service: str
    verdict: str
    exit_code: int
    title: str
    experiment: str
    context: str
    gameday: str | None
    folder: str
    ttd_s: float | None
    ttd_censored: bool
    ttd_error_s: float
    ttr_s: float | None
    ttr_censored: bool
    ttr_error_s: float
    sentence: str
    imported: str | None = None
    """When it came from another machine, RFC 3339."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; times as RFC 3339."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return plain | {"started": clock.rfc3339(self.started), "ended": clock.rfc3339(self.ended)}


class Measured(NamedTuple):
    """The little of a run that the metrics need, for there may be a hundred thousand; `started` is RFC 3339 and sorts."""

    run: str
    started: str
    name: str
    service: str
    ttd_s: float | None
    ttd_censored: int
    ttr_s: float | None
    ttr_censored: int


NO_LABELS: Mapping[str, str] = MappingProxyType({})
DELIVER_S = 5.0
"""After so long no further run is brought along when a record is opened."""
_AT_ONCE = 200
"""Runs that a rebuild writes in one transaction."""
_COLUMNS = ", ".join(f.name for f in fields(Summary))


class Store:
    """The record of all runs. A context manager; open it with `Store.open`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str | None = None) -> Store:
        """Open `url` (a path or a database URL), else CHAOS_RUN_STORE, else the default file; made and migrated as needed.

        Raises UsageError for a URL that cannot be one, EnvironmentFailure for a database that cannot be used.
        """
        database = Database(paths.store_url(url))
        database.prepare(distributions.refresh_all)
        opened = cls(database)
        opened._deliver()
        return opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    def save(self, record: RunRecord, events: Iterable[Event | WireEvent]) -> None:
        """Keep a run, durable when it returns; a run saved before is replaced. Raises EnvironmentFailure."""
        with self._database.write() as writer:
            distributions.refresh(writer.execute, _put(writer, record, events))

    def get(self, run: str) -> RunRecord:
        """The whole record of an id, an unambiguous beginning of one, or `last`. Raises UsageError."""
        found = self._database.read("SELECT document FROM records WHERE run = :run", {"run": self.resolve(run)})
        return _record(found[0]["document"])

    def events(self, run: str) -> list[dict[str, Any]]:
        """The events of a run in their wire form, in the order they happened. Raises UsageError."""
        name = self.resolve(run)
        found = self._database.read("SELECT * FROM events WHERE run = :run ORDER BY number", {"run": name})
        return [
            {"event": e["event"], "at": e["at"], "t": e["t"], "run": name, **json.loads(e["fields"])} for e in found
        ]

    def list(
        self,
        *,
        limit: int | None = None,
        service: str | None = None,
        experiment: str | None = None,
        verdict: str | None = None,
        since: datetime | None = None,
        labels: Mapping[str, str] = NO_LABELS,
    ) -> list[Summary]:
        """The latest runs first. `experiment` is the file's name, its path as given to the run, or the title."""
        where, parameters = _where(service, experiment, verdict, since, labels)
        sql = f"SELECT {_COLUMNS} FROM runs {where} ORDER BY started DESC, run DESC"
        if limit is not None:
            sql, parameters = f"{sql} LIMIT :limit", parameters | {"limit": str(limit)}
        return [_summary(row) for row in self._database.read(sql, parameters)]

    def values(
        self, *, experiment: str | None = None, service: str | None = None, labels: Mapping[str, str] = NO_LABELS
    ) -> Sequence[Measured]:
        """Of every run what the metrics are reckoned from, the oldest first."""
        where, parameters = _where(service, experiment, None, None, labels)
        sql = f"SELECT {', '.join(Measured._fields)} FROM runs {where} ORDER BY started, run"
        return [*map(Measured._make, self._database.tuples(sql, parameters))]

    def distributions(self, service: str | None = None) -> Sequence[Distribution]:
        """Every experiment on every service, or on one, with all its TTDs and TTRs; in no order. Raises EnvironmentFailure."""
        return distributions.read(self._database, service)

    def tested(self) -> Sequence[tuple[str, str, datetime]]:
        """Each service, its experiments' names, and when it was last tried, the longest ago first. Raises EnvironmentFailure."""
        return distributions.tested(self._database)

    def latest(self, which: str, service: str | None = None) -> Sequence[Wait]:
        """The last TTDs (`ttd`) or TTRs (`ttr`) of all runs, or of a service's, the oldest first. Raises EnvironmentFailure."""
        return distributions.latest(self._database, which, service)

    def period(self, since: datetime, until: datetime) -> Period:
        """What happened in a period, added up. Raises EnvironmentFailure."""
        return aggregates.period(self._database, since, until)

    def first(self) -> datetime | None:
        """When the first run began. Raises EnvironmentFailure."""
        return aggregates.first(self._database)

    @property
    def presence(self) -> Presence:
        """The runs that are live on this record."""
        return Presence(self._database)

    def knows(self, run: str) -> bool:
        """Whether a run of exactly that id is on record."""
        return bool(self._database.read("SELECT 1 FROM runs WHERE run = :run", {"run": run}))

    def resolve(self, run: str) -> str:
        """The full id of an id, a beginning of one, or `last`. Raises UsageError with the nearest ids as a hint."""
        if run == "last":
            latest = self.list(limit=1)
            if not latest:
                raise errors.UsageError("there is no run on record yet", hint="chaos-run FILE makes one")
            return latest[0].run
        sql = "SELECT run FROM runs WHERE substr(run, 1, :length) = :start ORDER BY run DESC LIMIT 6"
        found = [row["run"] for row in self._database.read(sql, {"length": len(run), "start": run})] if run else []
        if run in found or len(found) == 1:
            return run if run in found else str(found[0])
        if found:
            raise errors.UsageError(f"{run} is the beginning of several runs: {', '.join(found[:5])}")
        raise errors.UsageError(f"there is no run {run or 'without a name'} on record", hint=self._near(run))

    def reindex(self, folder: Path | None = None) -> int:
        """Save every run that has a `record.json` in the runs' folder; how many. What cannot be read is left out."""
        count, found_at = 0, sorted((folder or paths.runs_dir()).glob(f"*/{RECORD}"))
        for start in range(0, len(found_at), _AT_ONCE):
            found = [*_read(found_at[start : start + _AT_ONCE])]
            with self._database.write() as writer:
                changed = [group for record, events in found for group in _put(writer, record, events)]
                distributions.refresh(writer.execute, changed)
            count += len(found)
        return count

    def _deliver(self) -> None:
        """Bring what could not be saved when its run ended; what still cannot be stays where it is.

        A record that keeps us waiting is not waited for again with each run: the end of a run may be what opens it.
        """
        until = time.monotonic() + DELIVER_S
        for run, folder in itertools.takewhile(
            lambda _: time.monotonic() < until, undelivered.waiting(self._database.url)
        ):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, errors.EnvironmentFailure):
                record = _record((folder / RECORD).read_text(encoding="utf-8"))
                self.save(record, event_file.read(folder))
                undelivered.release(run)

    def _near(self, run: str) -> str:
        known = [summary.run for summary in self.list(limit=200)]
        near = difflib.get_close_matches(run, known, n=3, cutoff=0.6)
        return f"did you mean {', '.join(near)}?" if near else "chaos-run history lists the runs"


def _put(writer: Writer, record: RunRecord, events: Iterable[Event | WireEvent]) -> set[tuple[str, str]]:
    """Write the rows of a run instead of those that are there; (service, name) of what it was and what it is."""
    tables, run = rowing.rows(record, events), {"run": record.run}
    changed = {tuple(row) for row in writer.execute("SELECT service, name FROM runs WHERE run = :run", run)}
    for table in rowing.TABLES:
        writer.execute(f"DELETE FROM {table} WHERE run = :run", run)
        if found := rowing.numbered(record.run, table, tables[table]):
            writer.execute(rowing.insert(table, found[0]), found)
    return changed | {rowing.compared(record)}


def _read(paths: Iterable[Path]) -> Iterator[tuple[RunRecord, Sequence[WireEvent]]]:
    for path in paths:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            yield _record(path.read_text(encoding="utf-8")), event_file.read(path.parent)


def _record(document: str) -> RunRecord:
    from runner.timeline import record  # twenty classes that a list of runs does without

    return record.from_json(json.loads(document))


def _where(
    service: str | None,
    experiment: str | None,
    verdict: str | None,
    since: datetime | None,
    labels: Mapping[str, str],
) -> tuple[str, dict[str, str]]:
    conditions = {
        "service = :service": service,
        "verdict = :verdict": verdict.upper() if verdict else None,
        "(name = :experiment OR experiment = :experiment OR title = :experiment)": experiment,
        "started >= :since": clock.rfc3339(since) if since else None,
    }
    given = {condition: value for condition, value in conditions.items() if value is not None}
    parameters = {condition.rpartition(":")[2].rstrip(")"): value for condition, value in given.items()}
    carried = [
        f"run IN (SELECT run FROM labels WHERE name = :label{n} AND value = :value{n})" for n in range(len(labels))
    ]
    for n, (name, value) in enumerate(labels.items()):
        parameters |= {f"label{n}": name, f"value{n}": value}
    every = [*given, *carried]
    return (f"WHERE {' AND '.join(every)}" if every else ""), parameters


def _summary(row: dict[str, Any]) -> Summary:
    return Summary(
        **row
        | {"started": datetime.fromisoformat(row["started"]), "ended": datetime.fromisoformat(row["ended"])}
        | {"ttd_censored": bool(row["ttd_censored"]), "ttr_censored": bool(row["ttr_censored"])}
    )
