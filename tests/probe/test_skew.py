"""A remote clock is compared with ours by Date headers, and those with what the answers themselves name."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from runner.probe.alerts.dating import Answer, RemoteClock
from runner.probe.alerts.skew import ClockSkew
from runner.probe.alerts.source import Setting


def listened(skew_s: float, answers: int) -> ClockSkew:
    """What is known after so many answers of a server whose clock is that far ahead."""
    chance, found = random.Random(7), ClockSkew()
    for i in range(answers):
        sent = 1000.0 + i * 0.2 + chance.random() * 0.05
        found.hear(math.floor(sent + 0.005 + skew_s), sent, sent + 0.01)
    return found


def test_many_answers_narrow_it_down_to_well_below_a_second() -> None:
    for skew_s in (-30.0, 2.4, 3600.0):
        found = listened(skew_s, 50)
        assert abs(found.seconds - skew_s) <= found.error_s < 0.2


def test_one_answer_says_little_and_the_error_says_so() -> None:
    found = listened(0.3, 1)
    assert found.seconds == 0.0
    assert 0.3 <= found.error_s <= 1.1
    assert ClockSkew().error_s == 1.0


def test_a_clock_that_was_set_meanwhile_is_measured_anew() -> None:
    found = listened(0.0, 20)
    found.hear(2_000.0, 1_100.0, 1_100.01)
    assert 899 <= found.seconds <= 901


def dated(date_s: float, told_s: float | None) -> RemoteClock:
    """A clock of which its headers say that it is so far ahead, and its answers say something else."""
    found = RemoteClock(Setting(kind="test", target="there"), "the test")
    now = found.setting.clock.now().timestamp()
    for i in range(20):
        sent = now + i * 0.17
        found.compare(format_datetime(datetime.fromtimestamp(int(sent + date_s), UTC)), sent, sent + 0.01)
    if told_s is not None:
        before, answer = Answer([], b"", 0, now, now + 0.01), Answer([], b"", 0, now + 0.2, now + 0.21)
        found.between(datetime.fromtimestamp(now + told_s + 0.1, UTC).isoformat(), before, answer)
    return found


def test_a_date_that_the_answers_contradict_is_part_of_the_error() -> None:
    found = dated(90, 0.0)
    assert abs(found.seconds) < 0.2
    assert 89 < found.error_s < 91.5
    assert "its Date header puts its clock 1m30s ahead of ours" in found.doubt()
    assert "may be off by 1m30s" in found.doubt()
    behind = dated(-3600, 30.0)
    assert "its clock 1h behind ours, the times in its answers say 30s ahead of ours" in behind.doubt()
    assert behind.seconds == pytest.approx(30, abs=0.3)
    assert behind.error_s == pytest.approx(3630, abs=1.5)


def test_a_date_that_the_answers_bear_out_stays_what_it_was() -> None:
    alone, together = dated(90, None), dated(90, 90.0)
    assert (alone.seconds, alone.error_s) == pytest.approx((together.seconds, together.error_s), abs=0.1)
    assert together.error_s < 0.5
    assert together.doubt() == ""


def test_a_little_is_no_contradiction() -> None:
    found = dated(0, -0.9)
    assert found.doubt() == ""
    assert found.error_s < 0.5
    assert dated(0, -2.5).doubt()


def test_without_any_date_the_answers_themselves_say_how_far_the_clock_is_off() -> None:
    found = RemoteClock(Setting(kind="test", target="there"), "the test")
    assert (found.seconds, found.error_s) == (0.0, 1.0)
    before, answer = Answer([], b"", 0, 1000.0, 1000.1), Answer([], b"", 0, 1000.2, 1000.3)
    found.between("1970-01-01T00:17:20.2Z", before, answer)
    assert found.seconds == pytest.approx(40, abs=0.2)
    assert found.error_s < 0.3
