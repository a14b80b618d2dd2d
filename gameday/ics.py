"""iCalendar out (RFC 5545): one event a schedule, with its time zone spelt out, for every calendar that people use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from runner import clock

OCTETS = 75
YEARS = 10
"""How far ahead the changes of the clocks are spelt out; beyond, readers go by the zone's name."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One event, or one series of them."""

    uid: str
    sequence: int
    title: str
    description: str
    zone: ZoneInfo
    start: datetime
    """Naive local wall time."""
    rule: str
    length: timedelta
    skipped: Sequence[datetime] = ()
    """Naive local starts that do not take place."""
    cancelled: bool = False


def render(entries: Sequence[Entry], *, stamp: datetime) -> str:
    """The calendar file, with CRLF and folded lines."""
    cancelled = bool(entries) and all(entry.cancelled for entry in entries)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//chaos-run//gameday//EN", "CALSCALE:GREGORIAN"]
    lines.append(f"METHOD:{'CANCEL' if cancelled else 'PUBLISH'}")
    for zone in dict.fromkeys(e.zone for e in entries if e.zone.key != "UTC"):
        lines += _timezone(zone, min(e.start for e in entries if e.zone == zone))
    for entry in entries:
        lines += _event(entry, stamp)
    return "".join(f"{fold(line)}\r\n" for line in [*lines, "END:VCALENDAR"])


def fold(line: str) -> str:
    """At most 75 octets a line, never cut inside of a character."""
    folded, width = "", 0
    for character in line:
        octets = len(character.encode())
        if width + octets > OCTETS:
            folded, width = folded + "\r\n ", 1
        folded, width = folded + character, width + octets
    return folded


def escape(text: str) -> str:
    """A TEXT value."""
    for raw, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(raw, escaped)
    return text


def _event(entry: Entry, stamp: datetime) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{entry.uid}"
    yield f"DTSTAMP:{stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    yield f"SEQUENCE:{entry.sequence}"
    yield f"STATUS:{'CANCELLED' if entry.cancelled else 'CONFIRMED'}"
    yield f"DTSTART{_local(entry.zone, entry.start)}"
    yield f"DURATION:PT{int(entry.length.total_seconds()) // 60}M"
    yield f"RRULE:{entry.rule.removeprefix('RRULE:')}"
    for skipped in entry.skipped:
        yield f"EXDATE{_local(entry.zone, skipped)}"
    yield f"SUMMARY:{escape(entry.title)}"
    yield f"DESCRIPTION:{escape(entry.description)}"
    yield "CATEGORIES:GameDay"
    yield "END:VEVENT"


def _local(zone: ZoneInfo, moment: datetime) -> str:
    utc = zone.key == "UTC"
    return f":{moment:%Y%m%dT%H%M%S}Z" if utc else f";TZID={zone.key}:{moment:%Y%m%dT%H%M%S}"


def _timezone(zone: ZoneInfo, start: datetime) -> Iterator[str]:
    """The zone as it is at the start, and every change after it."""
    since = start - timedelta(days=400)
    yield "BEGIN:VTIMEZONE"
    yield f"TZID:{zone.key}"
    yield from _observance(since.replace(tzinfo=zone), since.replace(tzinfo=zone).utcoffset() or timedelta(), since)
    moment = since.replace(tzinfo=zone).astimezone(UTC)
    for change in _changes(zone, moment, moment + timedelta(days=366 * YEARS)):
        before = (change - timedelta(seconds=1)).astimezone(zone).utcoffset() or timedelta()
        yield from _observance(change.astimezone(zone), before, (change + before).replace(tzinfo=None))
    yield "END:VTIMEZONE"


def _observance(after: datetime, before: timedelta, onset: datetime) -> Iterator[str]:
    kind = "DAYLIGHT" if after.dst() else "STANDARD"
    yield f"BEGIN:{kind}"
    yield f"DTSTART:{onset:%Y%m%dT%H%M%S}"
    yield f"TZOFFSETFROM:{_offset(before)}"
    yield f"TZOFFSETTO:{_offset(after.utcoffset() or timedelta())}"
    yield f"TZNAME:{after.tzname()}"
    yield f"END:{kind}"


def _changes(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    """The moments (UTC) from which another offset holds; found by day, then by halving."""
    day = since
    while day < until:
        following = day + timedelta(days=1)
        if following.astimezone(zone).utcoffset() != day.astimezone(zone).utcoffset():
            yield _halve(zone, day, following)
        day = following


def _halve(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    old = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == old else (low, middle)
    return high.replace(microsecond=0)


def _offset(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


def now() -> datetime:
    """The stamp of a file that is written now."""
    return clock.SystemClock().now()
