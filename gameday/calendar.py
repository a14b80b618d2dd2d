"""Calendar: when GameDays are, reckoned by RFC 5545 on local wall time; pure.

What happens at a change of the clocks is written down here and nowhere left to a library:

- A local time that does not exist (spring) is read with the offset before the change, so 02:30 becomes 03:30: RFC 5545 3.3.5.
- A local time that exists twice (autumn) means the first of the two: the same section.
- A freeze blocks at the start time, after this shift. What is blocked is skipped; nothing is caught up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from dateutil import rrule, tz

from gameday import freeze
from runner import errors

_UNTIL = re.compile(r"UNTIL=(\d{8}T\d{6})Z")
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ORDINALS = {"1st": 1, "first": 1, "2nd": 2, "second": 2, "3rd": 3, "third": 3, "4th": 4, "fourth": 4, "last": -1}
_AT = re.compile(r"(?:(\w+)\s+)?([A-Za-z]{2,9})\s+(\d{1,2}):(\d\d)")


@dataclass(frozen=True, kw_only=True)
class Occurrence:
    """One start: an aware local time that exists, why it is not what the rule says, and why it is skipped."""

    start: datetime
    shift: str = ""
    """`gap` when moved out of a nonexistent hour, `fold` when the first of two was taken."""
    blocked: str | None = None


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """An RRULE and the local wall time it starts from."""

    rule: str
    start: datetime
    """Naive: DTSTART on local wall time."""


def occurrences(
    recurrence: Recurrence, zone: ZoneInfo, freezes: Sequence[freeze.Freeze], after: datetime
) -> Iterator[Occurrence]:
    """Every start later than `after` (aware), in order; blocked ones are in it and say why. Raises UsageError for a bad rule."""
    rule = parse_rule(recurrence, zone)
    # The rule knows wall time only, which may run back by an hour or two: begin a day early, compare as instants.
    for local in rule.xafter(_naive(after, zone) - timedelta(days=1), inc=True):
        start, shift = resolve(local, zone)
        if start.astimezone(UTC) > after:
            yield Occurrence(start=start, shift=shift, blocked=freeze.reason(start.replace(tzinfo=None), freezes))


def free(found: Iterator[Occurrence]) -> Iterator[Occurrence]:
    """Those that nothing blocks."""
    return (occurrence for occurrence in found if occurrence.blocked is None)


def resolve(local: datetime, zone: tzinfo) -> tuple[datetime, str]:
    """A naive wall time as a moment that exists, and `gap` or `fold` when that was a choice."""
    aware = local.replace(tzinfo=zone, fold=0)
    if not tz.datetime_exists(aware):
        before = (aware - timedelta(days=1)).utcoffset() or timedelta()
        return (local - before).replace(tzinfo=UTC).astimezone(zone), "gap"
    return aware, "fold" if tz.datetime_ambiguous(aware) else ""


def parse_rule(recurrence: Recurrence, zone: ZoneInfo) -> rrule.rrule | rrule.rruleset:
    """The rule on local wall time; an UNTIL in UTC, as RFC 5545 asks, becomes local. Raises UsageError."""

    def local_until(match: re.Match[str]) -> str:
        until = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return f"UNTIL={_naive(until, zone):%Y%m%dT%H%M%S}"

    text = _UNTIL.sub(local_until, recurrence.rule.removeprefix("RRULE:"))
    try:
        return rrule.rrulestr(text, dtstart=recurrence.start)
    except ValueError as problem:
        raise errors.UsageError(f"{recurrence.rule!r} is not an RRULE: {problem}") from None


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises UsageError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise errors.UsageError(f"there is no time zone {name!r}", hint="IANA names: Europe/Berlin, UTC") from None


def quarterly(at: str, month: int, now: datetime) -> Recurrence:
    """`2nd Tue 10:00` in the `month` (1 to 3) of each quarter, from the first one at or after `now` (naive local). Raises UsageError."""
    match = _AT.fullmatch(at.strip())
    ordinal = _ORDINALS.get((match[1] or "2nd").lower()) if match else None
    day = match[2][:2].upper() if match else ""
    if match is None or ordinal is None or day not in _DAYS or not (int(match[3]) < 24 and int(match[4]) < 60):
        raise errors.UsageError(
            f"{at!r} is not a day and time", hint="'Tue 10:00' (the second of the month), 'last Thu 14:00'"
        )
    months = ",".join(str(month + 3 * quarter) for quarter in range(4))
    rule = f"FREQ=YEARLY;BYMONTH={months};BYDAY={ordinal}{day}"
    first = datetime(now.year, now.month, now.day, int(match[3]), int(match[4]))  # noqa: DTZ001 - local wall time
    start = rrule.rrulestr(rule, dtstart=first).after(now, inc=True)
    return Recurrence(rule=rule, start=start or first)


def _naive(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
