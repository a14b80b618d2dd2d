"""Schedules: what is due, what is missed, and what people's calendars get."""

# ruff: noqa: DTZ001 - rules are reckoned on local wall time

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gameday import calendar, ics, schedule
from runner import errors

CREATED = datetime(2026, 11, 24, 12, tzinfo=UTC)
START = datetime(2027, 2, 9, 9, tzinfo=UTC)
"""10:00 in Berlin: the first occurrence."""


def weekly(**more: object) -> schedule.Schedule:
    recurrence = calendar.Recurrence(rule="FREQ=WEEKLY", start=datetime(2027, 2, 9, 10))
    return schedule.new("Zone outage", "zone-outage", "Europe/Berlin", recurrence, CREATED, **more)


def at(**late: float) -> datetime:
    return START + timedelta(**late)


@pytest.mark.parametrize(
    ("late", "is_due"),
    [
        ({"seconds": -1}, False),
        ({"seconds": 0}, True),
        ({"minutes": 29}, True),
        ({"minutes": 31}, False),
        ({"days": 1}, False),
    ],
)
def test_it_is_due_from_its_start_for_half_an_hour_and_then_never_caught_up(
    late: dict[str, float], is_due: bool
) -> None:
    assert (weekly().due(at(**late)) is not None) is is_due


def test_the_one_after_a_missed_one_is_due_in_its_own_time() -> None:
    found = weekly().due(at(days=7))
    assert found is not None
    assert found.start.astimezone(UTC) == at(days=7)


def test_a_start_inside_a_freeze_is_never_due() -> None:
    assert weekly(freezes=("2027-02-09",)).due(START) is None


def test_a_freeze_that_begins_within_the_grace_blocks_the_late_start() -> None:
    until_ten = weekly(freezes=("hours 08:00-10:15",))
    assert until_ten.due(at(minutes=10)) is not None
    assert until_ten.due(at(minutes=20)) is None


def test_taking_it_makes_it_not_due_any_more() -> None:
    mine = schedule.put(weekly())
    schedule.take(mine.id, at(minutes=5))
    assert schedule.get(mine.id).due(at(minutes=6)) is None
    with pytest.raises(errors.UsageError, match="not due"):
        schedule.take(mine.id, at(minutes=6))


def test_taking_it_inside_a_freeze_is_refused_with_the_reason() -> None:
    mine = schedule.put(weekly())
    with pytest.raises(errors.Refused) as refusal:
        schedule.take(mine.id, datetime(2027, 2, 13, 9, tzinfo=UTC))
    assert refusal.value.reasons == ("a weekend",)


def test_a_change_keeps_the_uid_and_counts_up() -> None:
    first = schedule.put(weekly())
    second = schedule.put(weekly(length_m=60))
    assert (second.uid, second.sequence, second.length_m) == (first.uid, first.sequence + 1, 60)
    assert schedule.read() == [second]


def test_a_schedule_that_is_always_frozen_is_refused_with_the_reason() -> None:
    with pytest.raises(errors.UsageError, match=r"allows no start.*outside 08:00 to 09:00"):
        schedule.put(weekly(freezes=("hours 08:00-09:00",)))


def test_a_cancelled_schedule_has_no_next_and_says_so_to_calendars() -> None:
    first = schedule.put(weekly())
    cancelled = schedule.cancel(first.id, CREATED)
    assert cancelled.next(CREATED) is None
    text = ics.render([cancelled.entry()], stamp=CREATED)
    assert "METHOD:CANCEL\r\n" in text
    assert "STATUS:CANCELLED\r\n" in text
    assert f"UID:{first.uid}\r\nDTSTAMP:20261124T120000Z\r\nSEQUENCE:1\r\n" in text


def test_the_calendar_file_is_well_formed() -> None:
    text = ics.render([weekly(freezes=("2027-02-16",)).entry()], stamp=CREATED)
    lines = text.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-2:] == ["END:VCALENDAR", ""]
    assert "\n" not in text.replace("\r\n", "")
    assert all(len(line.encode()) <= 75 for line in lines)
    opened = re.findall(r"^(BEGIN|END):(\w+)", text, re.M)
    assert sorted(n for w, n in opened if w == "BEGIN") == sorted(n for w, n in opened if w == "END")
    assert "DTSTART;TZID=Europe/Berlin:20270209T100000" in lines
    assert "EXDATE;TZID=Europe/Berlin:20270216T100000" in lines


def test_the_zone_in_the_file_changes_its_clocks_when_berlin_does() -> None:
    text = ics.render([weekly().entry()], stamp=CREATED).replace("\r\n", "\n")
    summer = (
        "BEGIN:DAYLIGHT\nDTSTART:20270328T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nTZNAME:CEST\nEND:DAYLIGHT\n"
    )
    winter = "BEGIN:STANDARD\nDTSTART:20271031T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nTZNAME:CET\nEND:STANDARD\n"
    assert summer in text
    assert winter in text


def test_long_lines_are_folded_between_characters() -> None:
    folded = ics.fold("SUMMARY:" + "Übung – " * 20)
    assert all(len(line.encode()) <= 75 for line in folded.split("\r\n"))
    assert folded.replace("\r\n ", "") == "SUMMARY:" + "Übung – " * 20


def test_text_is_escaped() -> None:
    assert ics.escape("a,b;c\\d\ne") == r"a\,b\;c\\d\ne"


def test_utc_needs_no_zone() -> None:
    entry = ics.Entry(uid="u", sequence=0, title="t", description="d", zone=ZoneInfo("UTC"), start=datetime(2027, 2, 9, 10),
                      rule="FREQ=WEEKLY", length=timedelta(hours=4))  # fmt: skip
    text = ics.render([entry], stamp=CREATED)
    assert "VTIMEZONE" not in text
    assert "DTSTART:20270209T100000Z\r\n" in text
