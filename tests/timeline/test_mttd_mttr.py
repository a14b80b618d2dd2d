"""Statistics of a few skewed and partly censored durations."""

from __future__ import annotations

import statistics as reference
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.timeline.mttd_mttr import CensoredTime, Estimate, median_ranks, rate, summarise

SECONDS = st.floats(0, 1e6)


@given(st.lists(SECONDS, min_size=1, max_size=40))
def test_median_and_mean_are_the_textbook_ones(seconds: list[float]) -> None:
    found = summarise([CensoredTime(seconds=s) for s in seconds])
    assert found.median is not None
    assert found.mean is not None
    assert found.median.seconds == pytest.approx(reference.median(seconds))
    assert found.mean.seconds == pytest.approx(reference.fmean(seconds))
    assert not found.median.at_least


@given(st.lists(st.tuples(SECONDS, st.booleans()), min_size=1, max_size=30), st.floats(1, 1e6))
def test_a_longer_truth_behind_a_bound_never_lowers_a_figure(pairs: list[tuple[float, bool]], more: float) -> None:
    before = summarise([CensoredTime(seconds=s, censored=c) for s, c in pairs])
    truth = summarise([CensoredTime(seconds=s + more * c) for s, c in pairs])
    for told, true in ((before.median, truth.median), (before.p90, truth.p90), (before.mean, truth.mean)):
        assert told is not None
        assert true is not None
        assert true.seconds >= told.seconds * (1 - 1e-9)
        if not told.at_least:
            assert true.seconds == pytest.approx(told.seconds)


def test_nothing_has_no_figures() -> None:
    found = summarise([])
    assert (found.n, found.median, found.mean, found.p90, found.median_low) == (0, None, None, None, None)


@pytest.mark.parametrize(("n", "ranks"), [(5, None), (6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (30, (10, 21))])
def test_the_ranks_are_those_of_the_tables(n: int, ranks: tuple[int, int] | None) -> None:
    assert median_ranks(n) == ranks


@given(st.integers(6, 400))
def test_the_ranks_hold_the_median_with_95_percent_and_no_narrower_pair_does(n: int) -> None:
    ranks = median_ranks(n)
    assert ranks is not None

    def outside(rank: int) -> float:
        return 2 * sum(comb(n, k) for k in range(rank)) / 2**n

    assert outside(ranks[0]) <= 0.05 < outside(ranks[0] + 1)


def test_six_values_have_an_interval_from_the_least_to_the_greatest() -> None:
    found = summarise([CensoredTime(seconds=float(s)) for s in (5, 1, 4, 2, 6, 3)])
    assert (found.median_low, found.median_high) == (Estimate(seconds=1.0), Estimate(seconds=6.0))


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_rate_lies_in_its_interval_and_mirrors(pair: tuple[int, int]) -> None:
    k, n = pair
    found, mirrored = rate(k, n), rate(n - k, n)
    assert 0 <= found.low <= k / n <= found.high <= 1
    assert found.low == pytest.approx(1 - mirrored.high)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_against_published_values(k: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3."""
    found = rate(k, n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
