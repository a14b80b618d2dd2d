"""CalendarWindow: an SLO's window that begins at fixed moments on somebody's wall clock, daylight saving included."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_MONTHS = {"M": 1, "Q": 3, "Y": 12}
_FIXED = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
_DAYS = {"d": 1, "w": 7}


@dataclass(frozen=True)
class CalendarWindow:
    """Windows of `count` `unit`s, one after the other, the first from `start` (local time of `zone`) on.

    Days and longer units are steps of the wall clock, so that a day may have 23 or 25 hours; a start that the clock skips is
    as much later as it skips. A month that has no such day ends with its last one.
    """

    start: datetime
    zone: str
    count: int
    unit: str

    def around(self, now: datetime) -> tuple[datetime, datetime]:
        """Begin and end (UTC) of the window that holds `now`; of the first one where that is still to come."""
        number = self._guess(now)
        while number > 0 and self.begin(number) > now:
            number -= 1
        while self.begin(number + 1) <= now:
            number += 1
        return self.begin(number), self.begin(number + 1)

    def begin(self, number: int) -> datetime:
        """When a window begins (UTC), counted from 0."""
        zone, steps = ZoneInfo(self.zone), number * self.count
        if self.unit in _FIXED:
            return self.start.replace(tzinfo=zone).astimezone(UTC) + steps * _FIXED[self.unit]
        if self.unit in _DAYS:
            local = self.start + timedelta(days=steps * _DAYS[self.unit])
        else:
            local = _months_later(self.start, steps * _MONTHS[self.unit])
        return local.replace(tzinfo=zone).astimezone(UTC)

    def _guess(self, now: datetime) -> int:
        """About which window it is, not much too early."""
        longest = {"M": 31, "Q": 92, "Y": 366, "m": 1 / 1440, "h": 1 / 24} | _DAYS
        days = (now - self.start.replace(tzinfo=UTC)) / timedelta(days=1)
        return max(0, int(days / (longest[self.unit] * self.count)) - 2)

    def told(self, moment: datetime) -> str:
        """A moment on that clock."""
        return f"{moment.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M} {self.zone}"


def _months_later(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)
