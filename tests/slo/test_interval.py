"""The bounds agree with SciPy, and do what bounds have to do.

Golden values: SciPy 1.17.1 on CPython 3.11, 2026-11-24, in a scratch environment: special.betainc(a, b, x);
stats.beta.ppf(.05, k, n - k + 1) and stats.beta.ppf(.95, k + 1, n - k); stats.binom.ppf(.025, n, q) and ppf(.975, n, q) + 1.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.slo import interval, quantile

BETA = [
    (0.5, 0.5, 0.3, 0.36901011956554536),
    (2, 3, 0.4, 0.5247999999999999),
    (1, 1, 0.7, 0.7),
    (20, 59981, 0.0004, 0.8197914769121523),
    (1e5, 3e6, 0.0325, 0.9919383736559885),
    (3.4, 1e4, 0.001, 0.9951469274077849),
    (600, 400, 0.61, 0.7398549584138367),
]
BOUNDS = [
    (0, 59, 0.0, 0.04950760988822693),
    (0, 2995, 0.0, 0.000999744420901142),
    (1, 100, 0.0005128014162622921, 0.046559811453538935),
    (6, 12000, 0.00021777289004661868, 0.0009866260807745051),
    (7, 12000, 0.0002738072821603358, 0.0010953954807358319),
    (19, 60000, 0.00020737547554311456, 0.00046461961171765477),
    (17.27, 54545.45, 0.0002025592646109111, 0.0004733614829304533),
    (3600, 3600000, 0.0009727577241788421, 0.001027838504494451),
    (50, 100, 0.41362171463091174, 0.5863782853690882),
    (99, 100, 0.9534401885464611, 0.9994871985837377),
    (2.5, 30, 0.01939604727072495, 0.21729721245601158),
]
RANKS = [
    (6, 0.5, 1, 6),
    (10, 0.5, 2, 9),
    (20, 0.5, 6, 15),
    (30, 0.5, 10, 21),
    (368, 0.99, 360, 368),
    (1000, 0.99, 983, 997),
    (6000, 0.99, 5924, 5956),
    (60000, 0.99, 59352, 59448),
    (30000, 0.999, 29959, 29981),
]

counts = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(("a", "b", "x", "expected"), BETA)
def test_the_incomplete_beta_function_is_scipys(a: float, b: float, x: float, expected: float) -> None:
    assert interval.incomplete_beta(a, b, x) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("bad", "total", "lower", "upper"), BOUNDS)
def test_clopper_pearson_is_scipys(bad: float, total: float, lower: float, upper: float) -> None:
    assert interval.clopper_pearson(bad, total) == pytest.approx((lower, upper), rel=1e-7)


@pytest.mark.parametrize(("n", "q", "low", "high"), RANKS)
def test_ranks_are_scipys(n: int, q: float, low: int, high: int) -> None:
    assert interval.quantile_ranks(n, q) == (low, high)


def test_too_few_values_have_no_interval() -> None:
    assert interval.quantile_ranks(5, 0.5) is None
    assert interval.quantile_ranks(367, 0.99) is None
    assert interval.quantile_ranks(3687, 0.999) is None
    assert interval.quantile_ranks(3688, 0.999) is not None


def test_a_percentile_nothing_stands_behind_is_a_dash() -> None:
    values = [1000.0 + i for i in range(1000)]
    assert quantile.shown(values, 99.9) == "p99.9 -"
    assert quantile.shown([], 50) == "p50 -"
    found = quantile.quantile(values, 99)
    assert found is not None
    assert (found.low_s, found.value_s, found.high_s) == pytest.approx((1982e-6, 1989e-6, 1996e-6))


@settings(deadline=None)
@given(counts)
def test_the_ratio_lies_between_its_bounds(pair: tuple[int, int]) -> None:
    bad, total = pair
    lower, upper = interval.clopper_pearson(bad, total)
    assert 0 <= lower <= bad / total <= upper <= 1


@settings(deadline=None)
@given(counts)
def test_one_more_bad_request_moves_both_bounds_up(pair: tuple[int, int]) -> None:
    bad, total = pair
    before, after = interval.clopper_pearson(bad, total + 1), interval.clopper_pearson(bad + 1, total + 1)
    assert after[0] > before[0]
    assert after[1] >= before[1]


@given(counts, st.floats(0.0001, 0.9))
def test_the_quick_comparison_agrees_with_the_bounds(pair: tuple[int, int], ratio: float) -> None:
    lower, upper = interval.clopper_pearson(*pair)
    if min(abs(lower - ratio), abs(upper - ratio)) > 1e-8:
        assert interval.side(*pair, ratio) == (-1 if upper < ratio else 1 if lower > ratio else 0)


def test_the_distribution_of_a_small_binomial_is_summed_up_right() -> None:
    for k in range(11):
        exact = sum(math.comb(10, i) * 0.3**i * 0.7 ** (10 - i) for i in range(k + 1))
        assert interval.binomial_cdf(k, 10, 0.3) == pytest.approx(exact, rel=1e-12)
