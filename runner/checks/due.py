"""Due: how long a batch that has to be done by a time of day is overdue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from runner.checks.check import Measured, NoData, Parameter

TAKES = (
    Parameter("by", "time of day by which it has to be done: 06:00", required=True),
    Parameter("earliest", "time of day from which on a run counts for it: 20:00; without it, 12 hours before by"),
    Parameter("zone", "time zone of those times: Europe/Berlin", default="UTC"),
)
COUNTS = timedelta(hours=12)
"""How long before it is due a run counts, where nobody says: one that is done earlier is nearer to when the last one was due, and late."""


def overdue(done: datetime | None, now: datetime, values: Mapping[str, Any]) -> Measured:
    """Seconds since the last time that it was due, if no run that counts for it was done before or since; else 0. Raises NoData.

    A batch that is done late is good again from then on, and still has to be done by the next time.
    """
    if done is not None and done > now + timedelta(minutes=5):
        raise NoData(f"it says that it was done in the future, at {done.isoformat()}")
    by, zone, earliest = values["by"], values["zone"], values.get("earliest")
    due = _last(by, now, zone)
    counts = due - COUNTS if earliest is None else _last(earliest, due - timedelta(minutes=1), zone)
    told = f"due by {by} {zone}, {f'last done {_said(done, due)}' if done else 'never done'}"
    if done is not None and done >= counts:
        return Measured(0.0, told)
    early = f": too early to count, a run counts from {_said(counts, due)} on" if done else ""
    return Measured((now - due).total_seconds(), told + early)


def moment(unix_s: float) -> datetime:
    """Of a unix time. Raises NoData for what is none, as one in milliseconds: no calendar goes that far."""
    try:
        if unix_s >= 0:
            return datetime.fromtimestamp(unix_s, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise NoData(f"{unix_s:.16g} is no unix time: seconds since 1970 are expected, not milliseconds")


def _last(at: str, before: datetime, zone: str) -> datetime:
    """When it was last that time of day, then or before."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        time = datetime.strptime(at, "%H:%M").time()  # noqa: DTZ007  # a time of day has no date yet
        here = before.astimezone(ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError):
        raise NoData(
            f"{at!r} in {zone!r} is no time of day; write for example by: 06:00, zone: Europe/Berlin"
        ) from None
    today = datetime.combine(here.date(), time, here.tzinfo)
    return today if today <= here else datetime.combine(here.date() - timedelta(days=1), time, here.tzinfo)


def _said(moment: datetime, like: datetime) -> str:
    return f"{moment.astimezone(like.tzinfo):%Y-%m-%d %H:%M}"
