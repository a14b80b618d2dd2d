"""Freeze: times when no GameDay may begin: dates, recurring spans, weekends, and hours outside of the working day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol

from dateutil import rrule

from runner import errors, units

ANCHOR = datetime(2000, 1, 1)  # noqa: DTZ001 - local wall time: rules are reckoned on it, see calendar.py
"""Where recurring freezes are counted from, at midnight: an INTERVAL is reckoned from here, BYMONTH and BYDAY need no anchor."""
_DATES = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?")
_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")


class Freeze(Protocol):
    """Asked with a local wall time, naive."""

    def blocks(self, local: datetime) -> str | None:
        """Why a GameDay may not begin then, or None."""
        ...


@dataclass(frozen=True)
class Dates:
    """Whole local days, both ends included."""

    first: date
    last: date

    def blocks(self, local: datetime) -> str | None:
        inside = self.first <= local.date() <= self.last
        return f"freeze {self.first} to {self.last}" if inside else None


@dataclass(frozen=True)
class Recurring:
    """Spans of `length` that begin by an RRULE: `FREQ=MONTHLY;BYMONTH=3,6,9,12;BYMONTHDAY=-3`, six days."""

    rule: str
    length: timedelta

    def blocks(self, local: datetime) -> str | None:
        begun = rrule.rrulestr(self.rule, dtstart=ANCHOR).before(local, inc=True)
        inside = begun is not None and local < begun + self.length
        return f"freeze from {begun:%Y-%m-%d %H:%M} ({self.rule})" if inside else None


@dataclass(frozen=True)
class Weekends:
    """Saturday and Sunday."""

    def blocks(self, local: datetime) -> str | None:
        return "a weekend" if local.weekday() >= 5 else None


@dataclass(frozen=True)
class OutsideHours:
    """Begins before `first` or at `last` and later, local time: a day must begin while people are there."""

    first: time = time(10)
    last: time = time(16)

    def blocks(self, local: datetime) -> str | None:
        inside = self.first <= local.time() < self.last
        return None if inside else f"outside {self.first:%H:%M} to {self.last:%H:%M}"


DEFAULT = ("weekends", "hours 10:00-16:00")
"""What holds for every schedule that does not say otherwise."""


def parse(text: str) -> Freeze:
    """`2026-12-15..2027-01-06`, `RRULE for 6d`, `weekends`, `hours 10:00-16:00`. Raises UsageError."""
    try:
        found = _parse(text.strip())
    except ValueError as problem:
        raise errors.UsageError(f"the freeze {text!r} cannot be read: {problem}") from None
    if found is None:
        raise errors.UsageError(
            f"{text!r} is not a freeze",
            hint="2026-12-15..2027-01-06, 'FREQ=YEARLY;BYMONTH=11;BYDAY=4TH for 4d', weekends, 'hours 10:00-16:00'",
        )
    return found


def reason(local: datetime, freezes: Sequence[Freeze]) -> str | None:
    """The first reason against a local time, or None when it is free."""
    return next((why for freeze in freezes if (why := freeze.blocks(local))), None)


def _parse(text: str) -> Freeze | None:
    if text == "weekends":
        return Weekends()
    if hours := _HOURS.fullmatch(text.removeprefix("hours ")):
        return _hours(*(int(part) for part in hours.groups()))
    if dates := _DATES.fullmatch(text):
        first, last = date.fromisoformat(dates[1]), date.fromisoformat(dates[2] or dates[1])
        if last < first:
            raise ValueError("it ends before it begins")
        return Dates(first, last)
    if "FREQ=" not in text:
        return None
    rule, _, length = text.removeprefix("RRULE:").partition(" for ")
    rrule.rrulestr(rule, dtstart=ANCHOR)
    return Recurring(rule, timedelta(seconds=units.parse_duration(length or "1d")))


def _hours(hour: int, minute: int, last_hour: int, last_minute: int) -> OutsideHours:
    return OutsideHours(time(hour, minute), time(last_hour, last_minute))
