"""A request that we sent late, or never, tells something of this machine: it is neither good nor bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from runner.slo import slices, verdict
from runner.slo.effect import Watch
from runner.slo.guard import Guard
from runner.slo.guard_set import GuardSet
from runner.slo.guards.budget import BudgetSpent
from runner.slo.guards.burn_rate import BurnRate
from runner.slo.guards.error_ratio import ErrorRatio
from runner.slo.guards.evidence import Evidence
from runner.slo.guards.latency import Latency
from runner.slo.guards.no_data import NoData
from runner.slo.guards.timeout_ratio import TimeoutRatio
from runner.slo.objective import FAILED, Objective, unanswered_within
from runner.slo.sample import Flag, Sample
from runner.slo.series import Series
from runner.slo.verdict import Judgement, Verdict
from tests.slo.traffic import START, TICK, at, one, since

AVAILABLE = Objective("availability", "storefront", "availability", 0.99)
FAST = Objective("latency", "storefront", "latency", 0.95, 0.5)
Stall = Callable[[float], float]
"""Seconds since the start -> how long a request due then had to wait for us."""


def stopped_three_times(t: float) -> float:
    return next((end - t for begin, end in ((10, 10.9), (15, 15.9), (20, 20.9)) if begin <= t < end), 0.0)


def taped(stall: Stall, *, seconds: int = 40, rate: int = 50, timeout_s: float = 0.5) -> list[Sample]:
    """A healthy service, asked by a prober that was held up."""
    found = []
    for i in range(seconds * rate):
        waited_s = stall(i / rate)
        flags = Flag.TIMEOUT if waited_s + 0.012 > timeout_s else 0
        found.append(one(i / rate, int(flags), waited_s + 0.012)._replace(late_us=round(waited_s * 1e6)))
    return found


def judged(
    objective: Objective, samples: Iterable[Sample], *, seconds: int = 40, until: float | None = None
) -> Judgement:
    until_ns = at(seconds if until is None else until)
    return verdict.judge(
        objective, samples, START, at(seconds), rate=50, timeout_s=0.5, now_ns=at(seconds + 2), until_ns=until_ns
    )


@pytest.mark.parametrize("objective", [AVAILABLE, FAST], ids=lambda o: o.name)
def test_a_prober_that_was_stopped_beside_a_healthy_service_fails_nothing(objective: Objective) -> None:
    samples = taped(stopped_three_times)
    assert sum(s.bad for s in samples) > 50
    found = judged(objective, samples)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.bad == 0
    assert found.sentence.startswith("INCONCLUSIVE: the prober was starved: it sent 1")
    assert "which measures this machine and not storefront" in found.sentence


@pytest.mark.parametrize(("late_s", "measured"), [(0.049, True), (0.051, False)])
def test_late_is_more_than_a_tenth_of_the_threshold_or_the_timeout(late_s: float, measured: bool) -> None:
    sample = one(0, 0, 0.4)._replace(late_us=round(late_s * 1e6))
    assert FAILED.unmeasured(sample, 0.5) is not measured
    assert unanswered_within(0.5).unmeasured(sample, 2.0) is not measured
    assert not FAILED.unmeasured(sample, 2.0)


def test_one_in_a_hundred_is_forgiven_and_counts_neither_way() -> None:
    few = judged(AVAILABLE, taped(lambda t: 0.3 if t < 0.36 else 0.0))
    assert (few.verdict, few.unmeasured, few.bad, few.total) == (Verdict.PASS, 18, 0, 1982)
    assert judged(AVAILABLE, taped(lambda t: 0.3 if t < 0.44 else 0.0)).verdict is Verdict.INCONCLUSIVE


def test_requests_that_were_never_sent_or_never_written_are_unmeasured_too() -> None:
    healthy = taped(lambda _: 0.0)
    shed = [s._replace(flags=s.flags | Flag.SHED) if i % 50 == 0 else s for i, s in enumerate(healthy)]
    assert (judged(AVAILABLE, shed).unmeasured, judged(AVAILABLE, shed).bad) == (40, 0)
    assert judged(AVAILABLE, shed).verdict is Verdict.INCONCLUSIVE
    behind = judged(AVAILABLE, [s for s in healthy if s.intended_ns < at(39)])
    assert (behind.verdict, behind.unmeasured) == (Verdict.INCONCLUSIVE, 48)
    told_to_stop = judged(AVAILABLE, [s for s in healthy if s.intended_ns < at(39)], until=39)
    assert (told_to_stop.verdict, told_to_stop.unmeasured) == (Verdict.PASS, 0)


def test_an_outage_that_was_measured_well_still_fails() -> None:
    samples = [
        s._replace(flags=s.flags | Flag.CONNECTION) if 5 <= since(s.intended_ns) < 10 else s
        for s in taped(lambda _: 0.0)
    ]
    assert judged(AVAILABLE, samples).verdict is Verdict.FAIL


def played(stall: Stall, guard: Guard, series: Series, seconds: int = 40) -> tuple[float, str] | None:
    """When and why the guard stops: a stopped prober writes nothing, and then everything at once."""
    samples = taped(stall, seconds=seconds)
    ended = sorted(samples, key=lambda s: s.intended_ns + s.latency_us * 1000)
    for now in range(START + TICK, at(seconds), TICK):
        done = [s for s in ended if now - TICK < s.intended_ns + s.latency_us * 1000 <= now]
        pending = [
            s._replace(latency_us=0, flags=1) for s in samples if sent(s) <= now < s.intended_ns + s.latency_us * 1000
        ]
        series.absorb(done, pending, now)
        if breach := guard.tick(now):
            return since(now), breach.sentence
    return None


def sent(sample: Sample) -> int:
    return sample.intended_ns + sample.late_us * 1000


EVERY_RULE = [
    ErrorRatio("storefront", 0.05, 5),
    TimeoutRatio("storefront", 0.05, 5),
    Latency("storefront", 0.2, 95, 5),
    BudgetSpent("availability", 1e-5),
    BurnRate("availability", 14.4, 5, 1),
    Evidence("availability"),
    Evidence("latency"),
]


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda r: r.sentence)
def test_no_guard_takes_what_we_sent_late_for_bad(rule: Guard) -> None:
    series = Series("storefront", 50, 0.5)
    assert (
        played(stopped_three_times, GuardSet([rule], {"storefront": series}, [AVAILABLE, FAST], START), series) is None
    )


def test_a_prober_that_is_late_all_the_time_is_no_sign_of_life() -> None:
    series = Series("storefront", 50, 0.5)
    guard = GuardSet([NoData(5)], {"storefront": series}, [AVAILABLE], START)
    stopped = played(lambda t: 0.2 if t > 10 else 0.0, guard, series)
    assert stopped is not None
    assert 16 <= stopped[0] <= 16.3  # three slices of two seconds
    assert "the prober is starved: its requests leave late or never" in stopped[1]


def test_what_the_strictest_objective_cannot_use_is_no_sign_of_life_either() -> None:
    """20 ms late is nothing to a timeout of 500 ms, and too much for a threshold of 100 ms."""
    quick = Objective("quick", "storefront", "latency", 0.95, 0.1)
    for objectives, stops in (([AVAILABLE], False), ([AVAILABLE, quick], True)):
        series = Series("storefront", 50, 0.5)
        guard = GuardSet([NoData(5)], {"storefront": series}, objectives, START)
        assert (played(lambda t: 0.02, guard, series, seconds=15) is not None) is stops


def test_what_we_sent_late_is_no_effect_of_the_fault() -> None:
    series = Series("storefront", 50, 0.5)
    assert played(lambda t: 0.0, GuardSet([], {}, [], START), series, seconds=9) is None
    watch = Watch(series, (START, at(9)), at(9))
    late = Series("storefront", 50, 0.5)
    assert played(stopped_three_times, GuardSet([], {}, [], START), late) is None
    watch.series = late
    assert watch.tick(at(40)) is None


def test_a_criterion_asked_for_later_leaves_out_the_same() -> None:
    samples = taped(stopped_three_times)
    early, late = Series("s", 50, 0.5), Series("s", 50, 0.5)
    criterion = FAST.criterion
    early.watch(criterion)
    for series in (early, late):
        series.absorb(samples, [], at(40))
    for begin in range(0, 40, 3):
        window = at(begin), at(begin + 3)
        assert early.tally(criterion, *window) == late.tally(criterion, *window)
        assert early.tally(FAILED, *window).counted == 0


def test_the_live_count_and_the_judge_leave_out_the_same() -> None:
    samples, series = taped(stopped_three_times), Series("s", 50, 0.5)
    series.absorb(samples, [], at(40))
    for objective in (AVAILABLE, FAST):
        cut = slices.cut(objective, samples, START, at(40), rate=50, timeout_s=0.5, now_ns=at(41))
        tally = series.tally(objective.criterion, START, at(40))
        assert (tally.counted, tally.scheduled) == (cut.total_bad, cut.total)
