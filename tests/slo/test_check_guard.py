"""The guard of a ready check: it stops at readings that are bad for long enough, says since when, and takes no silence for either."""

from __future__ import annotations

from runner.slo.checked import Checked
from runner.slo.counts import Point
from runner.slo.guard_set import Breach, GuardSet
from runner.slo.guards.check import CheckBad
from tests.slo.traffic import SECOND, at, since


def read(series: Checked, seconds: float, *, bad: bool) -> None:
    series.said = f"{'bad' if bad else 'good'}: pods: {int(bad)}; Critical above 0"
    series.count([Point(at(seconds), int(bad), 1)])
    series.seen(at(seconds))


def watched(readings: str, for_s: float) -> Breach | None:
    """A reading a second, `+` or `-` each, `.` for none; the guard is on duty from the third second on."""
    series = Checked("pods", 1.0)
    guards = GuardSet([CheckBad("pods", for_s)], {"pods": series}, [], at(2))
    found = None
    for second, sign in enumerate(readings):
        if sign != ".":
            read(series, second, bad=sign == "-")
        found = found or guards.tick(at(second) + SECOND // 2)
    return found


def test_good_readings_pass() -> None:
    assert watched("++++++", 0) is None
    assert watched("......", 0) is None


def test_one_bad_reading_is_enough_where_nothing_else_is_said() -> None:
    found = watched("+++-", 0)
    assert found is not None
    assert (found.key, found.condition) == ("check", "pods: bad")
    assert found.sentence == "pods: bad: pods: 1; Critical above 0"
    assert since(found.since_ns) == 3
    assert not found.users_hurt


def test_bad_has_to_last_and_a_good_reading_begins_anew() -> None:
    assert watched("+++--+--+", 2) is None
    found = watched("+++--+---", 2)
    assert found is not None
    assert since(found.since_ns) == 6
    assert found.condition == "pods: bad for 2s"


def test_what_was_not_read_makes_nothing_bad_for_longer() -> None:
    assert watched("+++-....", 2) is None


def test_what_was_bad_before_counts_from_when_the_guard_came_on_duty() -> None:
    found = watched("---", 0)
    assert found is not None
    assert since(found.since_ns) == 2


def test_silence_stops_the_run_and_says_why() -> None:
    series = Checked("pods", 1.0)
    guards = GuardSet([CheckBad("pods")], {"pods": series}, [], at(0))
    read(series, 1, bad=False)
    series.trouble = "the Kubernetes API does not say: Unauthorized"
    assert guards.tick(at(10.9)) is None
    found = guards.tick(at(11.1))
    assert found is not None
    assert found.key == "no_data"
    assert found.sentence.endswith("allowed are 10s; the Kubernetes API does not say: Unauthorized")
