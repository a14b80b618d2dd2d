"""Due: how long a batch that has to be done by a time of day is overdue."""

from __future__ import annotations

from datetime import datetime, timedelta

from runner.checks.check import Measured, NoData, Parameter

TAKES = (
    Parameter("by", "time of day by which it has to be done: 06:00", required=True),
    Parameter("zone", "time zone of that time: Europe/Berlin", default="UTC"),
)


def overdue(done: datetime | None, now: datetime, by: str, zone: str) -> Measured:
    """Seconds since the last time that it was due, if it was not done in the day before or since; else 0. Raises NoData.

    A batch that is done late is good again from then on.
    """
    due = _last_due(now, by, zone)
    told = (
        f"due by {by} {zone}, last done {done.astimezone(due.tzinfo):%Y-%m-%d %H:%M} "
        if done
        else f"due by {by} {zone}, never done"
    )
    if done is not None and done > now + timedelta(minutes=5):
        raise NoData(f"it says that it was done in the future, at {done.isoformat()}")
    late = done is None or done < due - timedelta(days=1)
    return Measured((now - due).total_seconds() if late else 0.0, told.strip())


def _last_due(now: datetime, by: str, zone: str) -> datetime:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        at = datetime.strptime(by, "%H:%M").time()  # noqa: DTZ007  # a time of day has no date yet
        here = now.astimezone(ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError):
        raise NoData(
            f"{by!r} in {zone!r} is no time of day; write for example by: 06:00, zone: Europe/Berlin"
        ) from None
    today = datetime.combine(here.date(), at, here.tzinfo)
    return today if today <= here else datetime.combine(here.date() - timedelta(days=1), at, here.tzinfo)
