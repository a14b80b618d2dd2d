"""The betting test keeps its promise for any null, and moves the right way."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.slo.betting import Betting, Evidence, odds
from runner.slo.objective import Objective
from tests.slo.traffic import GOOD, Traffic, at

nulls = st.floats(0.0001, 0.5)
slices = st.lists(st.tuples(st.integers(0, 100), st.just(100)), min_size=1, max_size=30)


def capital(null: float, history: list[tuple[int, int]]) -> float:
    test = Betting(null)
    for bad, scheduled in history:
        test.bet(bad, scheduled)
    return test.log_evidence()


@given(nulls, slices)
def test_a_bet_on_the_null_itself_is_fair_for_the_worst_two_point_source(
    null: float, history: list[tuple[int, int]]
) -> None:
    """Y is 1 with probability `null`, else 0: expected capital after one more slice is what it was before."""
    before = capital(null, history)
    if before < 200:
        lost, won = capital(null, [*history, (0, 1)]), capital(null, [*history, (1, 1)])
        expected = (1 - null) * math.exp(lost) + null * math.exp(won)
        assert expected == pytest.approx(math.exp(before), rel=1e-9)


@given(nulls, slices, st.integers(0, 29))
def test_one_more_bad_request_never_lowers_the_evidence(
    null: float, history: list[tuple[int, int]], where: int
) -> None:
    where %= len(history)
    bad, scheduled = history[where]
    worse = [*history[:where], (min(scheduled, bad + 1), scheduled), *history[where + 1 :]]
    assert capital(null, worse) >= capital(null, history) - 1e-9


@given(nulls, slices)
def test_an_empty_slice_says_nothing(null: float, history: list[tuple[int, int]]) -> None:
    assert capital(null, [*history, (0, 0)]) == capital(null, history)


@given(nulls, slices)
def test_capital_is_never_lost_altogether(null: float, history: list[tuple[int, int]]) -> None:
    assert math.isfinite(capital(null, history))


def test_trying_what_would_follow_changes_nothing() -> None:
    test = Betting(0.01)
    test.bet(1, 100)
    before = test.log_evidence()
    assert test.log_evidence_with([(100, 100)]) > before
    assert test.log_evidence() == before


@pytest.mark.parametrize("null", [0.0, 1.0, -1.0])
def test_nothing_can_be_bet_against_certainty(null: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Betting(null)


def test_requests_that_hang_count_before_they_end() -> None:
    """With a timeout of 20 s, a latency objective of 200 ms is breached long before a single answer."""
    objective = Objective("latency", "storefront", "latency", 0.95, 0.2)
    traffic = Traffic(100, 10, lambda t, _: GOOD if t < 5 else (0, 19.0), timeout_s=20)
    test = Evidence(objective, traffic.series, at(5))
    found = {now: test.log_evidence() for now in traffic.ticks()}
    assert found[at(5.5)] == 0
    assert found[at(7.5)] > math.log(100)
    assert traffic.series.last_done_ns is not None
    assert traffic.series.last_done_ns < at(5.1)


def test_slices_with_open_requests_are_counted_as_if_those_were_good_and_settled_later() -> None:
    objective = Objective("availability", "storefront", "availability", 0.99)
    traffic = Traffic(100, 12, lambda t, i: (0, 3.0) if t < 1 else (64, 0.001) if i % 2 else GOOD, timeout_s=5)
    test = Evidence(objective, traffic.series, at(0))
    looks = [test.log_evidence() for _ in traffic.ticks()]
    assert max(looks) == looks[-1] > math.log(1e6)
    assert test.climb_ns == at(1)


def test_odds_are_said_as_people_say_them() -> None:
    assert [odds(math.log(x)) for x in (0.5, 480, 12_345, 1e9)] == [
        "0.5:1",
        "480:1",
        "12,345:1",
        "more than 1,000,000:1",
    ]
