"""Objectives that count good slices of time: judged, guarded and foretold in slices, and never good where one is unknown."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Callable

import pytest

from runner.slo import counts, power, timeslices, verdict
from runner.slo.counts import Counts, Point
from runner.slo.guard import Guard
from runner.slo.guard_set import GuardSet
from runner.slo.guards.budget import BudgetSpent
from runner.slo.guards.burn_rate import BurnRate
from runner.slo.guards.evidence import Evidence
from runner.slo.objective import Objective
from runner.slo.sample import Flag, Sample
from runner.slo.series import Series
from runner.slo.slices import Slices
from runner.slo.verdict import Judgement, Verdict

SECOND = 1_000_000_000
START = 1000 * SECOND
RATE = 20
STEADY = Objective("steady", "shop", "availability", 0.5, slice_s=2.0, slice_target=0.95)
MEAN = dataclasses.replace(STEADY, slice_target=None)
Bad = Callable[[float], bool]


def requests(seconds: float, bad: Bad) -> list[Sample]:
    """Ours: 20 a second, each answered after 10 ms, well or not."""
    every = SECOND // RATE
    flags = (int(Flag.SENT | Flag.DONE), int(Flag.SENT | Flag.DONE | Flag.UNEXPECTED))
    return [Sample(START + n * every, 0, 10_000, 200, flags[bad(n / RATE)]) for n in range(int(seconds * RATE))]


def told(seconds: int, bad: Bad) -> Counts:
    """A source's: one reading a second of 20 events."""
    found = Counts("shop", 1.0)
    for second in range(1, seconds + 1):
        at = START + second * SECOND - 1
        found.count([Point(at, sum(bad(second - 1 + n / RATE) for n in range(RATE)), RATE)])
        found.seen(at)
    return found


def judged(objective: Objective, seconds: float, bad: Bad) -> Judgement:
    end = START + round(seconds * SECOND)
    return verdict.judge(objective, requests(seconds, bad), START, end, rate=RATE, timeout_s=1.0)


def one_in_a_hundred(second: float) -> bool:
    return round(second * RATE) % 100 == 7


def test_a_slice_with_few_bad_requests_is_good_and_one_with_more_than_its_target_allows_is_bad() -> None:
    calm = judged(STEADY, 40, one_in_a_hundred)
    assert (calm.verdict, calm.bad, calm.total) == (Verdict.PASS, 0, 20)
    hit = judged(STEADY, 40, lambda s: 10 <= s < 10.15)  # three of forty requests in one slice: 92.5 %
    assert (hit.bad, hit.total) == (1, 20)
    assert "5 % bad (1/20 slices of 2s)" in hit.sentence
    long = judged(STEADY, 40, lambda s: s >= 6)
    assert (long.verdict, long.bad, long.total) == (Verdict.FAIL, 17, 20)


def test_exactly_the_target_makes_a_good_slice() -> None:
    assert judged(STEADY, 2, lambda s: s < 0.1).bad == 0


def test_only_whole_slices_are_counted_and_none_at_all_is_inconclusive_with_what_it_needs() -> None:
    assert judged(STEADY, 7.9, lambda s: s > 6).total == 3
    found = judged(STEADY, 1.9, lambda _: True)
    assert (found.verdict, found.total) == (Verdict.INCONCLUSIVE, 0)
    assert "shorter than a slice of 2s; a pass needs 5 of them, 10s" in found.sentence


def test_too_few_slices_say_how_many_more_would_decide() -> None:
    found = judged(dataclasses.replace(STEADY, target=0.99), 20, lambda _: False)
    assert (found.verdict, found.needed_n) == (Verdict.INCONCLUSIVE, 299)
    assert "about 289 more slices like these (9m38s) would decide" in found.sentence


def test_a_slice_without_anything_in_it_is_not_a_good_one() -> None:
    samples = [
        s for s in requests(40, lambda _: False) if not START + 8 * SECOND <= s.intended_ns < START + 10 * SECOND
    ]
    found = verdict.judge(STEADY, samples, START, START + 40 * SECOND, rate=RATE, timeout_s=1.0)
    assert (found.verdict, found.total) == (Verdict.INCONCLUSIVE, 19)
    assert "no data in 1 of 20 slices" in found.sentence


def test_the_mean_of_ratios_gives_each_slice_the_same_weight_however_many_requests_it_has() -> None:
    cut = Slices([50, 0, 0, 0], [100, 1000, 1000, 1000], 2.0)
    weighed = timeslices.weighed(MEAN, cut)
    assert weighed.total_bad / weighed.total == pytest.approx(0.5 / 4)
    assert weighed.total == pytest.approx(4 * 4 / (1 / 100 + 3 / 1000))
    even = judged(MEAN, 40, one_in_a_hundred)
    assert (even.verdict, even.bad, even.total) == (Verdict.PASS, 8, 800)


def test_counts_of_a_source_are_judged_in_the_same_slices() -> None:
    series = told(40, lambda s: s >= 30)
    found = counts.judge(STEADY, series, START, START + 40 * SECOND)
    assert (found.bad, found.total) == (5, 20)
    assert counts.judge(STEADY, told(40, lambda _: False), START, START + 40 * SECOND).verdict is Verdict.PASS
    finer = dataclasses.replace(STEADY, slice_s=0.5)  # than the source is read
    assert counts.judge(finer, told(40, lambda _: False), START, START + 40 * SECOND).verdict is Verdict.INCONCLUSIVE


def test_what_a_window_can_decide_is_foretold_in_slices() -> None:
    short = power.can_decide(dataclasses.replace(STEADY, target=0.99), RATE, 60)
    assert not short.can_pass
    assert "needs >= 9m58s (299 slices of 2s, planned are 30)" in short.sentence
    enough = power.can_decide(STEADY, RATE, 60)
    assert (enough.can_pass, enough.bad_allowed) == (True, 10)
    assert not power.can_decide(MEAN, 1000, 1.9).can_pass


def absorbed(bad: Bad, upto: float) -> Series:
    series = Series("shop", RATE, 1.0)
    series.absorb(requests(upto, bad), [], START + round(upto * SECOND))
    return series


def stopped_after(rule: Guard, bad: Bad) -> float | None:
    """Seconds until the guard stops a run of a minute; asked every tenth of one."""
    left = requests(60, bad)
    series = Series("shop", RATE, 1.0)
    guard = GuardSet([rule], {"shop": series}, [STEADY], START)
    for n in range(1, 600):
        now = START + n * SECOND // 10
        ended = bisect.bisect_left(left, now, key=lambda s: s.intended_ns + 10_000_000)
        fresh, left = left[:ended], left[ended:]
        series.absorb(fresh, [], now)
        if guard.tick(now) is not None:
            return n / 10
    return None


def test_a_budget_is_spent_by_bad_slices_each_as_long_as_it_is() -> None:
    second = 1 / (0.5 * STEADY.window_s)
    # A bad request early in a slice does not make it a bad one: what is to come may still be good.
    assert stopped_after(BudgetSpent("steady", second), one_in_a_hundred) is None
    rule = BudgetSpent("steady", 5 * second)  # more than two bad slices
    after = stopped_after(rule, lambda s: s >= 10)
    assert after is not None
    assert 14 < after < 14.5  # the third one is bad as soon as nothing can save it


def test_a_burn_rate_counts_bad_slices_over_a_window_that_holds_ten() -> None:
    rule = BurnRate("steady", above=1.0, long_s=10, short_s=10)
    assert stopped_after(rule, one_in_a_hundred) is None
    after = stopped_after(rule, lambda s: s >= 10)
    assert after is not None
    assert 30 < after < 33


def test_evidence_is_bet_slice_by_slice() -> None:
    rule = Evidence("steady")
    assert stopped_after(rule, one_in_a_hundred) is None
    assert stopped_after(rule, lambda s: s >= 4) == pytest.approx(
        34.1, abs=0.2
    )  # two good ones, 15 bad: 0.1² 1.9¹⁵ > 100


def test_a_slice_of_which_nothing_is_known_is_none_that_the_guard_counts() -> None:
    series = Series("shop", RATE, 1.0)
    series.absorb(
        [s for s in requests(20, one_in_a_hundred) if s.intended_ns >= START + 8 * SECOND], [], START + 20 * SECOND
    )
    tally = timeslices.seen(STEADY, series, START).tally(STEADY.criterion, START, START + 18 * SECOND)
    assert (tally.counted, tally.scheduled) == (0, 5)


def test_what_the_guard_counts_agrees_with_the_verdict() -> None:
    def flapping(second: float) -> bool:
        return second % 7 < 0.3

    series = absorbed(flapping, 60)
    seen = timeslices.seen(STEADY, series, START)
    for seconds in (10, 31, 59):
        tally = seen.tally(STEADY.criterion, START, START + seconds * SECOND)
        found = judged(STEADY, seconds, flapping)
        assert (tally.counted, tally.decided) == (found.bad, found.total)
