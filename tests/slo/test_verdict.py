"""Verdicts, forecasts and budgets with their sentences."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from runner.slo import budget, power, slices, verdict, windowed
from runner.slo.guards.error_ratio import ErrorRatio
from runner.slo.guards.latency import Latency
from runner.slo.objective import Objective
from runner.slo.sample import Flag
from runner.slo.slices import Slices
from runner.slo.verdict import Verdict
from tests.slo.traffic import GOOD, REFUSED, START, Traffic, at

STRICT = Objective("availability", "storefront", "availability", 0.999)
LOOSE = Objective("availability", "storefront", "availability", 0.99)


def spread(bad: int, slices: int, per_slice: int = 100) -> Slices:
    return Slices([(i + 1) * bad // slices - i * bad // slices for i in range(slices)], [per_slice] * slices, 1.0)


def test_the_sentence_of_a_pass_has_counts_bound_and_dispersion() -> None:
    found = verdict.judge_slices(STRICT, spread(19, 600), 100)
    assert found.sentence == "PASS: 0.032 % bad (19/60,000), allowed is 0.1 %; at most 0.046 % with 95 % confidence"
    assert (found.bad, found.total, found.needed_n) == (19, 60_000, None)


def test_the_sentence_of_a_fail_names_the_lower_bound_or_the_evidence() -> None:
    by_bound = verdict.judge_slices(STRICT, spread(85, 600), 100)
    assert by_bound.verdict is Verdict.FAIL
    assert "; at least 0.12 % with 95 % confidence" in by_bound.sentence
    by_evidence = verdict.judge_slices(LOOSE, spread(400, 20), 100)
    assert by_evidence.verdict is Verdict.FAIL
    assert "evidence more than 1,000,000:1 against it, at most 1 % of runs" in by_evidence.sentence


def test_an_outage_late_in_the_window_fails_by_the_evidence_of_its_slices_alone() -> None:
    """It is one clump, so that the bound says nothing, and it came too late for the running maximum."""
    found = verdict.judge_slices(LOOSE, Slices([0] * 21 + [96] * 4 + [0] * 15, [100] * 40, 1.0), 100)
    assert found.verdict is Verdict.FAIL
    assert found.lower < LOOSE.budget
    assert found.running_max * verdict.SURPRISE < LOOSE.budget
    assert "evidence 334:1 against it" in found.sentence


def test_too_few_requests_are_inconclusive_and_say_how_many_are_missing() -> None:
    found = verdict.judge_slices(STRICT, spread(0, 20), 100)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.needed_n == pytest.approx(2995, abs=2)
    assert "about 99" in found.sentence
    assert "would decide" in found.sentence


def test_more_requests_than_a_day_holds_are_no_advice() -> None:
    found = verdict.judge_slices(STRICT, spread(59, 600), 100)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.sentence.endswith("; too close to the limit to be decided within a day at 100/s")
    assert "would decide" in verdict.judge_slices(STRICT, spread(59, 600), 1000).sentence


@pytest.mark.parametrize(
    ("target", "needed"), [(0.95, 59), (0.99, 299), (0.995, 598), (0.999, 2995), (0.9995, 5990), (0.9999, 29956)]
)
def test_a_pass_is_refused_below_the_number_that_can_carry_it(target: float, needed: int) -> None:
    objective = Objective("a", "s", "availability", target)
    assert power.requests_to_pass(objective.budget) == needed
    assert verdict.judge_slices(objective, Slices([0], [needed], 1.0), 100).verdict is Verdict.PASS
    assert verdict.judge_slices(objective, Slices([0], [needed - 1], 1.0), 100).verdict is Verdict.INCONCLUSIVE


def test_no_data_is_never_a_pass() -> None:
    found = verdict.judge(LOOSE, [], START, at(60), rate=100, timeout_s=1)
    assert found.sentence == "INCONCLUSIVE: no data: not a single request was measured"
    assert verdict.worst([]) is Verdict.INCONCLUSIVE
    assert verdict.worst([Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE]) is Verdict.FAIL


def test_one_burst_is_a_few_events_and_quotes_no_interval() -> None:
    cut = Slices([0] * 40 + [30] + [0] * 59, [100] * 100, 1.0)
    found = verdict.judge_slices(LOOSE, cut, 100)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "few events, in 1 of 20 slices of 5s" in found.sentence
    assert "confidence" not in found.sentence


def test_an_outage_at_the_start_of_the_window_fails_however_good_the_rest_was() -> None:
    traffic = Traffic(100, 60, lambda t, i: REFUSED if 10 <= t < 12.5 else GOOD)
    found = verdict.judge(LOOSE, traffic.samples, at(10), at(60), rate=100, timeout_s=1)
    assert found.verdict is Verdict.FAIL
    assert (found.bad, found.total) == (250, 5000)


def test_nothing_fails_while_the_window_itself_is_within_its_budget() -> None:
    """The evidence of a short outage at the start is overwhelming, and 2.5 % bad are not 5 %."""
    loose = replace(LOOSE, target=0.95)
    traffic = Traffic(100, 120, lambda t, i: REFUSED if t < 3 else GOOD)
    found = verdict.judge(loose, traffic.samples, START, at(120), rate=100, timeout_s=1)
    assert (found.bad, found.total) == (300, 12_000)
    assert found.log_evidence > math.log(100)
    assert found.verdict is not Verdict.FAIL


@pytest.mark.parametrize("position", [0, 2, 5.5, 9.9, 11])
def test_one_short_outage_fails_by_the_running_maximum_wherever_the_slices_lie(position: float) -> None:
    """3 s of 60 at 99 %, five times the budget, and nothing that the test over slices is sure of."""
    traffic = Traffic(20, 60, lambda t, i: REFUSED if position <= t < position + 3 else GOOD)
    found = verdict.judge(LOOSE, traffic.samples, START, at(60), rate=20, timeout_s=1)
    assert found.verdict is Verdict.FAIL
    assert found.running_max == pytest.approx(60 / (60 + 20 * position), rel=0.02)


def test_the_sentence_of_the_running_maximum_says_of_whom_it_is_true() -> None:
    traffic = Traffic(20, 30, lambda t, i: REFUSED if 6 <= t < 10 else GOOD)
    found = verdict.judge(LOOSE, traffic.samples, START, at(30), rate=20, timeout_s=1)
    assert found.sentence == (
        "FAIL: 13.33 % bad (80/600), allowed is 1 %; 40:1 against the objective; at most 2.5 % of untouched systems "
        "that keep the objective, however their errors clump, look like this"
    )


def test_one_clump_late_in_the_window_is_told_as_the_fact_it_is() -> None:
    cut = Slices([0] * 40 + [60] + [0] * 4, [100] * 45, 1.0)
    found = verdict.judge_slices(LOOSE, cut, 100)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.detail == (
        "1.33 % bad (60/4,500), allowed is 1 %; this window missed the objective (1.33 % bad, at least 1.06 %); "
        "one clump cannot be told from chance"
    )


def test_an_objective_may_declare_that_the_windows_own_requests_decide() -> None:
    cut = Slices([0] * 40 + [60] + [0] * 4, [100] * 45, 1.0)
    found = verdict.judge_slices(replace(LOOSE, judge="window"), cut, 100)
    assert found.verdict is Verdict.FAIL
    assert "at least 1.06 % with 95 % confidence, and the window's own requests decide (judge: window)" in found.detail
    within = Slices([0] * 40 + [40] + [0] * 4, [100] * 45, 1.0)
    assert verdict.verdict_of(replace(LOOSE, judge="window"), within) is Verdict.INCONCLUSIVE


def test_the_running_maximum_is_counted_in_the_order_in_which_requests_were_due() -> None:
    """A tape is read as requests end; a hanging one ends last and was due first."""
    traffic = Traffic(10, 10, lambda t, i: REFUSED if t < 1 else GOOD)
    cuts = [
        slices.cut(LOOSE, samples, START, at(10), rate=10, timeout_s=1, now_ns=at(10))
        for samples in (traffic.samples, traffic.samples[::-1])
    ]
    assert [c.running_max for c in cuts] == [1.0, 1.0]


def test_undecided_requests_count_neither_way_and_hanging_ones_as_bad() -> None:
    flags = int(Flag.SENT)
    traffic = Traffic(100, 10, lambda t, i: GOOD)
    cut_short = [s._replace(flags=flags) if s.intended_ns >= at(8) else s for s in traffic.samples]
    found = verdict.judge(LOOSE, cut_short, START, at(10), rate=100, timeout_s=1)
    assert (found.bad, found.total) == (100, 900)


@pytest.mark.parametrize("bad", range(0, 60, 3))
def test_more_bad_requests_never_make_a_better_verdict(bad: int) -> None:
    verdicts = [verdict.verdict_of(LOOSE, spread(k, 60)) for k in (bad, bad + 3, bad + 30)]
    assert verdicts == sorted(verdicts, key=verdict.SEVERITY.index)


@pytest.mark.parametrize(("bad", "slices"), [(0, 20), (6, 40), (30, 60), (61, 60), (80, 60), (100, 60)])
def test_the_quick_verdict_is_the_long_one(bad: int, slices: int) -> None:
    cut = spread(bad, slices)
    assert verdict.verdict_of(LOOSE, cut) is verdict.judge_slices(LOOSE, cut, 100).verdict


@pytest.mark.parametrize(
    ("burn", "rate", "seconds"),
    [(14.4, 10, 70), (14.4, 100, 7), (14.4, 500, 1.4), (14.4, 1000, 0.7), (6, 10, 167), (6, 100, 17), (2, 2000, 2.5)],
)
def test_the_shortest_window_is_the_table_of_the_study(burn: float, rate: float, seconds: float) -> None:
    assert windowed.shortest_s(burn * 0.001, rate) == pytest.approx(seconds, rel=0.03)


def test_a_plan_that_cannot_pass_says_what_it_needs() -> None:
    forecast = power.can_decide(STRICT, 10, 120)
    assert not forecast.can_pass
    assert forecast.needed_s == 300
    assert "cannot pass in 2m: needs >= 300 s at 10 req/s (2,995 requests, planned are 1,200)" in forecast.sentence
    assert power.can_decide(STRICT, 100, 120).bad_allowed == 6


def test_windows_too_short_are_refused_with_the_length_they_need() -> None:
    short = ErrorRatio("storefront", 0.0144, 10)
    assert power.refusals([short], {}, {"storefront": 10}) == [
        "storefront: more than 1.44 % bad over 10s: holds 1.4 bad requests at its limit, 10 are needed; needs >= 70 s at 10 req/s"
    ]
    assert power.refusals([short, Latency("storefront", 1, 95, 10)], {}, {"storefront": 100}) == []
    assert len(power.refusals([Latency("storefront", 1, 99.9, 10)], {}, {"storefront": 100})) == 1


def test_the_budget_is_time_of_full_outage() -> None:
    half = budget.spend(STRICT, bad=500, rate=50)
    assert half.spent_s == 10
    assert half.share == pytest.approx(10 / 2592)
    assert half.total_s == pytest.approx(2592)
    assert half.sentence == "0.39 %, 10s of 43m12s full outage"


def test_burn_rates_are_the_workbooks() -> None:
    """14.4 for an hour spends 2 % of a 30-day budget, 6 for six hours 5 %."""
    for bad, hours, burn, spent in ((144, 1, 14.4, 0.02), (60, 6, 6, 0.05)):
        assert budget.burn_rate(STRICT, bad, 10_000) == pytest.approx(burn)
        assert budget.spend(STRICT, bad * 36 * hours, rate=100).share == pytest.approx(spent)
    assert budget.burn_rate(STRICT, 0, 0) is None


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_an_objective_without_a_budget_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="error budget"):
        Objective("a", "s", "availability", target)
