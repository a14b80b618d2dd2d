"""What a source counted is judged and guarded like our own traffic; silence and holes are never taken for good."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runner.slo import counts, slices
from runner.slo.burn_rule import BurnRule
from runner.slo.counts import Counts, Lost, Point
from runner.slo.effect import Watch
from runner.slo.guard import Guard
from runner.slo.guard_set import GuardSet
from runner.slo.guards.budget import BudgetSpent
from runner.slo.guards.burn_rate import BurnRate
from runner.slo.guards.error_ratio import ErrorRatio
from runner.slo.guards.evidence import Evidence
from runner.slo.guards.no_data import NoData
from runner.slo.objective import FAILED, Objective
from runner.slo.recovery import Recovery
from runner.slo.verdict import Verdict

SECOND = 1_000_000_000
START = 1000 * SECOND
OBJECTIVE = Objective("checkout", "checkout", "availability", 0.99)
Shares = Callable[[int], float]


def told(bad: Shares, seconds: int, *, silent_after: int = 10**9, rate: int = 100) -> Counts:
    """One reading a second, `rate` events in each."""
    found = Counts("checkout", 1.0)
    for second in range(1, min(seconds, silent_after) + 1):
        at = START + second * SECOND
        found.count([Point(at, round(rate * bad(second)), rate)])
        found.seen(at)
    return found


def at(second: float) -> int:
    return START + round(second * SECOND)


def test_the_rate_is_what_was_counted_and_an_outage_does_not_shrink_it() -> None:
    series = told(lambda _: 0.0, 20)
    assert series.rate == pytest.approx(100)
    series.settle()
    series.count([Point(at(60), 0, 1)])
    series.seen(at(60))
    assert series.rate == pytest.approx(100)


def test_healthy_counts_pass_and_bad_ones_fail() -> None:
    good = counts.judge(OBJECTIVE, told(lambda _: 0.0, 60), at(0), at(60.5))
    bad = counts.judge(OBJECTIVE, told(lambda s: 0.3 if s > 30 else 0.0, 60), at(0), at(60.5))
    assert (good.verdict, good.bad, good.total) == (Verdict.PASS, 0, 6000)
    assert (bad.verdict, bad.bad, bad.total) == (Verdict.FAIL, 900, 6000)
    assert "requests" not in bad.sentence


def test_the_running_maximum_of_a_source_is_as_fine_as_its_readings() -> None:
    """Five readings of 20 make a slice: an outage in the third and fourth is half of four, and not two fifths of five."""
    series = told(lambda s: 1.0 if s in (3, 4) else 0.0, 60, rate=20)
    series.settle()
    found = series.cut(at(0.5), at(60.5))
    assert found.slice_s == 5
    assert found.running_max == 0.5
    assert slices.running_max(zip(found.bad, found.scheduled, strict=True)) == 0.4


def test_a_window_with_a_hole_in_it_does_not_pass() -> None:
    series = told(lambda _: 0.0, 60, silent_after=30)
    series.trouble = "team: it answered HTTP 503"
    found = counts.judge(OBJECTIVE, series, at(0), at(60))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no data for 30s of the window: team: it answered HTTP 503" in found.sentence


def test_without_any_event_nothing_is_known() -> None:
    assert counts.judge(OBJECTIVE, Counts("checkout", 1.0), at(0), at(60)).verdict is Verdict.INCONCLUSIVE


def test_a_source_that_falls_silent_trips_the_guard_and_says_why() -> None:
    series = told(lambda _: 0.0, 10)
    guard = GuardSet([NoData(5.0)], {"checkout": series}, [OBJECTIVE], at(1))
    assert guard.tick(at(14.9)) is None
    series.trouble = "team: cannot be reached"
    breach = guard.tick(at(15.2))
    assert breach is not None
    assert breach.key == "no_data"
    assert breach.sentence.endswith("; team: cannot be reached")


def test_few_events_do_not_make_silence_last_longer() -> None:
    series = told(lambda _: 0.0, 10, rate=1)  # a gauge: a slice of a hundred events takes a hundred seconds
    guard = GuardSet([NoData(10.0)], {"checkout": series}, [OBJECTIVE], at(1))
    assert guard.tick(at(19.9)) is None
    assert guard.tick(at(20.2)) is not None


@pytest.mark.parametrize(
    "rule",
    [
        ErrorRatio("checkout", 0.1, 5.0),
        BurnRate("checkout", 14.4, 60.0, 5.0),
        Evidence("checkout"),
        BudgetSpent("checkout", 0.00001),
    ],
)
def test_guards_on_counts_stop_an_outage_and_nothing_else(rule: Guard) -> None:
    calm, outage = told(lambda _: 0.0, 100), told(lambda s: 1.0 if s > 80 else 0.0, 100)
    for series in (calm, outage):
        series.settle()
    assert GuardSet([rule], {"checkout": calm}, [OBJECTIVE], at(1)).tick(at(100.5)) is None
    breach = GuardSet([rule], {"checkout": outage}, [OBJECTIVE], at(1)).tick(at(100.5))
    assert breach is not None
    assert breach.key == rule.key


def test_a_burn_rate_pair_needs_both_windows() -> None:
    over = told(lambda s: 1.0 if 40 <= s < 70 else 0.0, 100)  # the long window remembers it, the short one does not
    over.settle()
    guard = GuardSet([BurnRate("checkout", 14.4, 60.0, 5.0)], {"checkout": over}, [OBJECTIVE], at(1))
    assert guard.tick(at(100.5)) is None
    assert guard.readings(at(100.5))[0][1].headroom == 1.0


def test_a_short_window_is_widened_until_it_holds_ten_bad_events() -> None:
    slow = told(lambda s: 1.0 if s > 98 else 0.0, 100, rate=10)  # 2 s of outage: 20 bad events, all of a 2 s window
    slow.settle()
    objective = Objective("checkout", "checkout", "availability", 0.999)
    guard = GuardSet([BurnRate("checkout", 1.0, 1000.0, 1.0)], {"checkout": slow}, [objective], at(1))
    breach = guard.tick(at(100.5))  # 10 / (10/s x 0.001) = 1000 s are looked at, not one
    assert breach is not None
    assert breach.sentence.endswith("enough for the whole 16m40s; 1x are 0.1 %")


def test_effect_detection_and_recovery_are_seen_in_counts() -> None:
    series = told(lambda s: 1.0 if 31 <= s <= 40 else 0.0, 80)
    series.settle()
    effect = Watch(series, (at(0), at(30)), at(30)).tick(at(80))
    assert effect is not None
    assert effect.at_ns == pytest.approx(at(31), abs=SECOND)
    assert effect.error_s >= 1.0
    early = told(lambda s: 1.0 if 31 <= s <= 40 else 0.0, 40)
    early.settle()
    assert BurnRule(OBJECTIVE, early, 14.4, 10.0).tick(at(40.5)) is not None
    recovered = Recovery({"checkout": series}, [OBJECTIVE], 5.0, at(35)).tick(at(80))
    assert recovered is not None
    assert abs(recovered.at_ns - at(40)) <= recovered.error_s * SECOND
    assert recovered.error_s == 3.0  # a slice of two readings, and the reading in which the last bad event lies


def test_recovery_waits_for_readings_instead_of_believing_silence() -> None:
    series = told(lambda s: 1.0 if s >= 31 else 0.0, 80, silent_after=40)
    series.settle()
    assert Recovery({"checkout": series}, [OBJECTIVE], 5.0, at(35)).tick(at(80)) is None


def test_what_is_kept_on_disk_is_judged_the_same_again() -> None:
    series = told(lambda s: 0.02 if s > 30 else 0.0, 60)
    series.settle()
    lines = ['{"step_s": 1.0, "source": "team"}']
    lines += [f'{{"mono_ns": {p.at_ns}, "good": {p.total - p.bad}, "total": {p.total}}}' for p in series.points]
    again = counts.rebuilt("\n".join(lines), "checkout", series.rate, series.now_ns)
    assert counts.judge(OBJECTIVE, again, at(0), at(60.5)) == counts.judge(OBJECTIVE, series, at(0), at(60.5))
    assert again.tally(FAILED, 0).scheduled == 6000


def test_what_a_restart_lost_is_said_and_too_little_changes_nothing() -> None:
    series = told(lambda _: 0.0, 60)
    series.lose(Lost(at(30), at(31), 10.0))
    found = counts.judge(OBJECTIVE, series, at(0), at(60.5))
    assert found.verdict is Verdict.PASS
    said = "about 10 events more are unknown: a process restarted, ended or was read no more after it had counted them"
    assert f"{said}: too few to change the verdict" in found.sentence


def test_a_pass_that_what_is_lost_could_turn_is_not_proven() -> None:
    series = told(lambda _: 0.0, 60)
    series.lose(Lost(at(30), at(31), 100.0))  # 100 of 6,100 are more than the one percent that is allowed
    found = counts.judge(OBJECTIVE, series, at(0), at(60.5))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "about 100 events more" in found.sentence
    assert found.sentence.endswith("if they were bad, it would not be a pass")


def test_a_failure_that_what_is_lost_could_turn_is_not_proven_either() -> None:
    barely = Objective("checkout", "checkout", "availability", 0.9)
    series = told(lambda s: 0.13, 60)
    assert counts.judge(barely, series, at(0), at(60.5)).verdict is Verdict.FAIL
    series.lose(Lost(at(20), at(40), 2000.0))
    found = counts.judge(barely, series, at(0), at(60.5))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.sentence.endswith("if they were good, it would not be a failure")


def test_only_what_was_lost_within_the_window_counts() -> None:
    series = told(lambda _: 0.0, 100)
    for lost in (Lost(at(5), at(6), 900.0), Lost(at(95), at(96), 900.0), Lost(at(9.5), at(10.5), 20.0)):
        series.lose(lost)
    found = counts.judge(OBJECTIVE, series, at(10), at(90))
    assert found.verdict is Verdict.PASS
    assert "about 10 events more" in found.sentence


def test_one_moment_is_lost_once_and_on_disk_too() -> None:
    series = told(lambda _: 0.0, 60)
    assert series.lose(Lost(at(30), at(31), 60.0))
    assert not series.lose(Lost(at(30), at(31), 40.0))
    assert series.lose(Lost(at(30), at(31), 100.0))
    lines = ['{"step_s": 1.0, "source": "team"}']
    lines += [f'{{"mono_ns": {p.at_ns}, "good": {p.total - p.bad}, "total": {p.total}}}' for p in series.points]
    lines += [f'{{"mono_ns": {at(31)}, "since_ns": {at(30)}, "lost": {events}}}' for events in (60.0, 100.0)]
    again = counts.rebuilt("\n".join(lines), "checkout", series.rate, series.now_ns)
    assert again.lost == [Lost(at(30), at(31), 100.0)]
    assert counts.judge(OBJECTIVE, again, at(0), at(60.5)) == counts.judge(OBJECTIVE, series, at(0), at(60.5))


def test_a_slice_of_time_in_which_events_were_lost_may_be_a_bad_one() -> None:
    steady = Objective("checkout", "checkout", "availability", 0.95, slice_s=1.0, slice_target=0.99)
    series = told(lambda _: 0.0, 100)
    assert counts.judge(steady, series, at(0.5), at(100.5)).verdict is Verdict.PASS
    for second in (20, 40, 60, 80):
        series.lose(Lost(at(second), at(second + 1), 50.0))
    assert counts.judge(steady, series, at(0.5), at(100.5)).verdict is Verdict.INCONCLUSIVE
