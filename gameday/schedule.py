"""Schedule: which scenario is played when, one small JSON file in the state folder; what is due, and what was missed."""

from __future__ import annotations

import fcntl
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gameday import calendar, freeze, ics
from runner import clock, errors, files
from runner.rundir import paths

GRACE = timedelta(minutes=30)
"""How late a start may be; after it the occurrence is missed, and skipped for good."""
HORIZON = timedelta(days=3 * 366)
"""How far ahead anybody looks for a start; a schedule without a free one until then is refused."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """One series of GameDays."""

    id: str
    title: str
    scenario: str
    zone: str
    start: str
    """Local wall time, ISO 8601 without an offset: DTSTART."""
    rule: str
    uid: str
    created: str
    """RFC 3339: nothing before this is ever due."""
    freezes: tuple[str, ...] = freeze.DEFAULT
    length_m: int = 240
    sequence: int = 0
    """Counts the changes, for calendars that have an older version."""
    taken: str = ""
    """The latest occurrence that was begun, RFC 3339: none is begun twice."""
    cancelled: bool = False

    @property
    def tz(self) -> ZoneInfo:
        return calendar.zone_of(self.zone)

    @property
    def recurrence(self) -> calendar.Recurrence:
        return calendar.Recurrence(rule=self.rule, start=datetime.fromisoformat(self.start))

    def occurrences(self, after: datetime) -> Iterator[calendar.Occurrence]:
        """Starts later than `after` and within the horizon, blocked ones too; none of a cancelled schedule."""
        if self.cancelled:
            return
        freezes = [freeze.parse(text) for text in self.freezes]
        for found in calendar.occurrences(self.recurrence, self.tz, freezes, after):
            if found.start.astimezone(UTC) > after + HORIZON:
                return
            yield found

    def next(self, after: datetime) -> calendar.Occurrence | None:
        """The first free start later than `after`."""
        return next(calendar.free(self.occurrences(after)), None)

    def due(self, now: datetime) -> calendar.Occurrence | None:
        """The start that is due now: begun within the grace, never taken, free, and not in a freeze now."""
        known = max(datetime.fromisoformat(moment) for moment in (self.created, self.taken or self.created))
        for found in calendar.free(self.occurrences(max(known, now - GRACE))):
            late = now - found.start.astimezone(UTC)
            return found if late >= timedelta() and self.blocked(now) is None else None
        return None

    def blocked(self, now: datetime) -> str | None:
        """Why nothing may begin right now, or None."""
        local = now.astimezone(self.tz).replace(tzinfo=None)
        return freeze.reason(local, [freeze.parse(text) for text in self.freezes])

    def entry(self) -> ics.Entry:
        """For the calendar file: starts in a freeze are taken out."""
        after = datetime.fromisoformat(self.created)
        skipped = [o.start.replace(tzinfo=None) for o in islice(self.occurrences(after), 40) if o.blocked]
        return ics.Entry(
            uid=self.uid,
            sequence=self.sequence,
            title=f"GameDay: {self.title}",
            description=f"chaos-run GameDay of {self.scenario}.\nBegin: gameday run {self.scenario}",
            zone=self.tz,
            start=self.recurrence.start,
            rule=self.rule,
            length=timedelta(minutes=self.length_m),
            skipped=skipped,
            cancelled=self.cancelled,
        )


def read() -> list[Schedule]:
    """All schedules. Raises InvalidFile."""
    path = _path()
    if not path.exists():
        return []
    try:
        return [
            Schedule(**{**plain, "freezes": tuple(plain["freezes"])}) for plain in json.loads(path.read_text("utf-8"))
        ]
    except (ValueError, TypeError, KeyError) as problem:
        raise errors.InvalidFile(f"{path} cannot be read: {problem}") from None


def put(new: Schedule) -> Schedule:
    """Add a schedule, or change the one of the same id: its UID stays, its SEQUENCE grows. Raises UsageError when it is never free."""
    if not new.cancelled and new.next(datetime.fromisoformat(new.created)) is None:
        first = next(new.occurrences(datetime.fromisoformat(new.created)), None)
        why = f"its first start is blocked ({first.blocked})" if first else "the rule gives no start"
        raise errors.UsageError(f"this schedule allows no start within three years: {why}")
    with _locked() as known:
        old = known.get(new.id)
        known[new.id] = replace(new, uid=old.uid, sequence=old.sequence + 1, taken=old.taken) if old else new
        return known[new.id]


def cancel(name: str, now: datetime) -> Schedule:
    """No more of it; calendars are told by the next file. Raises UsageError."""
    return put(replace(get(name), cancelled=True, created=clock.rfc3339(now)))


def take(name: str, now: datetime) -> Schedule:
    """Mark what is due as begun, before it begins. Raises UsageError when nothing is due, Refused inside a freeze."""
    with _locked() as known:
        found = known.get(name) or get(name)
        if why := found.blocked(now):
            raise errors.Refused(f"{name} may not begin now", reasons=(why,))
        due = found.due(now)
        if due is None:
            raise errors.UsageError(f"{name} is not due now", hint="gameday next")
        known[name] = replace(found, taken=clock.rfc3339(due.start))
        return known[name]


def get(name: str) -> Schedule:
    """One by its id. Raises UsageError."""
    known = {s.id: s for s in read()}
    if name not in known:
        raise errors.UsageError(f"there is no schedule {name!r}", hint=f"there are: {', '.join(known) or 'none'}")
    return known[name]


def new(title: str, scenario: str, zone: str, recurrence: calendar.Recurrence, now: datetime, **more: Any) -> Schedule:
    """A schedule with an id made of its title."""
    return Schedule(
        id=re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "gameday",
        title=title,
        scenario=scenario,
        zone=zone,
        start=recurrence.start.isoformat(timespec="minutes"),
        rule=recurrence.rule,
        uid=f"{uuid.uuid4()}@chaos-run",
        created=clock.rfc3339(now),
        **more,
    )


@contextmanager
def _locked() -> Iterator[dict[str, Schedule]]:
    """The schedules by id, to be changed in place; written at the end, with nobody else in between."""
    path = _path()
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = {s.id: s for s in read()}
        yield known
        files.write_atomically(path, [asdict(s) for s in known.values()])


def _path() -> Path:
    return paths.state_dir() / "schedules.json"
