"""When GameDays are: clocks that change, freezes, quarters."""

# ruff: noqa: DTZ001 - rules are reckoned on local wall time

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from gameday import calendar, freeze
from runner import errors

BERLIN, NEW_YORK, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("UTC")


def starts(rule: str, first: str, zone: ZoneInfo, count: int, *freezes: str, after: str = "2026-01-01") -> list[str]:
    """The first starts in local time with offset, a skipped one with its reason."""
    recurrence = calendar.Recurrence(rule=rule, start=datetime.fromisoformat(first))
    parsed = [freeze.parse(text) for text in freezes]
    found = calendar.occurrences(recurrence, zone, parsed, datetime.fromisoformat(after).replace(tzinfo=UTC))
    return [o.start.isoformat() + (f" {o.shift}" if o.shift else "") + (f" {o.blocked}" if o.blocked else "")
            for o in islice(found, count)]  # fmt: skip


def test_an_hour_that_does_not_exist_in_berlin_is_read_with_the_offset_before() -> None:
    assert starts("FREQ=WEEKLY", "2026-03-22T02:30", BERLIN, 3) == [
        "2026-03-22T02:30:00+01:00", "2026-03-29T03:30:00+02:00 gap", "2026-04-05T02:30:00+02:00",
    ]  # fmt: skip


def test_an_hour_that_does_not_exist_in_new_york_is_read_with_the_offset_before() -> None:
    assert starts("FREQ=WEEKLY", "2027-03-07T02:30", NEW_YORK, 2) == [
        "2027-03-07T02:30:00-05:00", "2027-03-14T03:30:00-04:00 gap",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "first", "expected"),
    [
        (BERLIN, "2026-10-25T02:30", "2026-10-25T02:30:00+02:00 fold"),
        (NEW_YORK, "2026-11-01T01:30", "2026-11-01T01:30:00-04:00 fold"),
    ],
)
def test_an_hour_that_exists_twice_means_the_first(zone: ZoneInfo, first: str, expected: str) -> None:
    assert starts("FREQ=DAILY", first, zone, 1) == [expected]


def test_ten_o_clock_stays_ten_o_clock_over_the_change() -> None:
    assert starts("FREQ=MONTHLY;BYDAY=2TU", "2026-03-10T10:00", BERLIN, 2) == [
        "2026-03-10T10:00:00+01:00", "2026-04-14T10:00:00+02:00",
    ]  # fmt: skip


def test_the_last_day_of_each_quarter_is_its_own_day() -> None:
    assert [s[:10] for s in starts("FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=-1", "2026-01-01T10:00", UTC_ZONE, 4)] == [
        "2026-03-31", "2026-06-30", "2026-09-30", "2026-12-31",
    ]  # fmt: skip


def test_only_what_is_later_than_asked_is_given_even_where_the_clock_runs_back() -> None:
    # 00:15 UTC on the day of the change is 02:15 summer time; the 02:30 of the first round is still ahead.
    assert starts("FREQ=DAILY", "2026-10-20T02:30", BERLIN, 1, after="2026-10-25T00:15") == [
        "2026-10-25T02:30:00+02:00 fold"
    ]
    assert starts("FREQ=DAILY", "2026-10-20T02:30", BERLIN, 1, after="2026-10-25T00:30") == [
        "2026-10-26T02:30:00+01:00"
    ]


def test_an_until_in_utc_ends_a_local_rule() -> None:
    assert len(starts("FREQ=DAILY;UNTIL=20260603T080000Z", "2026-06-01T10:00", BERLIN, 9)) == 3


def test_dates_block_with_both_ends_and_say_which() -> None:
    assert starts("FREQ=DAILY", "2026-12-14T10:00", BERLIN, 4, "2026-12-15..2026-12-16") == [
        "2026-12-14T10:00:00+01:00",
        "2026-12-15T10:00:00+01:00 freeze 2026-12-15 to 2026-12-16",
        "2026-12-16T10:00:00+01:00 freeze 2026-12-15 to 2026-12-16",
        "2026-12-17T10:00:00+01:00",
    ]


def test_a_quarter_end_freeze_recurs_and_ends() -> None:
    rule = freeze.parse("FREQ=MONTHLY;BYMONTH=3,6,9,12;BYMONTHDAY=-3 for 6d")
    blocked = [d for d in range(1, 32) if rule.blocks(datetime(2027, 3, d, 12))]
    assert blocked == [29, 30, 31]
    assert [d for d in range(1, 6) if rule.blocks(datetime(2027, 4, d, 12))] == [1, 2, 3]


@pytest.mark.parametrize(
    ("local", "free"),
    [("09:59", False), ("10:00", True), ("15:59", True), ("16:00", False)],
)
def test_the_working_day_begins_at_ten_and_ends_before_four(local: str, free: bool) -> None:
    hours = freeze.parse("hours 10:00-16:00")
    assert (hours.blocks(datetime.fromisoformat(f"2027-02-09T{local}")) is None) is free


def test_weekends_block_saturday_and_sunday_only() -> None:
    weekends = freeze.parse("weekends")
    assert [d for d in range(8, 15) if weekends.blocks(datetime(2027, 2, d))] == [13, 14]


@pytest.mark.parametrize(
    "text", ["christmas", "2027-02-30", "2027-02-09..2027-02-01", "FREQ=OFTEN for 2d", "hours 25:00-26:00"]
)
def test_a_freeze_that_cannot_be_read_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(errors.UsageError, match=text.split()[0][:9]):
        freeze.parse(text)


def test_quarterly_begins_with_the_first_one_ahead() -> None:
    found = calendar.quarterly("Tue 10:00", 2, datetime(2026, 11, 24, 12))
    assert (found.rule, found.start) == ("FREQ=YEARLY;BYMONTH=2,5,8,11;BYDAY=2TU", datetime(2027, 2, 9, 10))


def test_quarterly_knows_the_last_thursday() -> None:
    assert calendar.quarterly("last Thu 14:00", 3, datetime(2027, 1, 1)).start == datetime(2027, 3, 25, 14)


@pytest.mark.parametrize("at", ["Tue", "5th Tue 10:00", "Foo 10:00", "Tue 24:00"])
def test_quarterly_refuses_what_is_no_day_and_time(at: str) -> None:
    with pytest.raises(errors.UsageError, match="not a day and time"):
        calendar.quarterly(at, 2, datetime(2027, 1, 1))


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(errors.UsageError, match="Mars/Olympus"):
        calendar.zone_of("Mars/Olympus")
