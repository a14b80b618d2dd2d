"""Interval: exact binomial bounds and order-statistic ranks, by a continued fraction and bisection (no SciPy)."""

from __future__ import annotations

import math

CONFIDENCE = 0.95
"""Of every one-sided bound in a verdict."""
_TINY = 1e-300


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b) for a, b > 0: the distribution function of Beta(a, b).

    Continued fraction 26.5.8 of Abramowitz and Stegun, evaluated by the modified Lentz method.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(a, b, x) / a
    return 1 - front * _continued_fraction(b, a, 1 - x) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, _guarded(1 - (a + b) * x / (a + 1))
    result = d = 1 / d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        before = result
        for term in (even, odd):
            d = 1 / _guarded(1 + term * d)
            c = _guarded(1 + term / c)
            result *= d * c
        if abs(result / before - 1) < 1e-15:
            break
    return result


def _guarded(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p, by bisection to the last digits."""
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        if incomplete_beta(a, b, middle) < p:
            low = middle
        else:
            high = middle
        if high - low <= 1e-10 * high:
            break
    return (low + high) / 2


def clopper_pearson(bad: float, total: float, confidence: float = 0.95) -> tuple[float, float]:
    """One-sided lower and upper bounds of a ratio, each holding with `confidence`; fractions are allowed (k/phi, n/phi).

    Clopper and Pearson, Biometrika 26 (1934). (0, 1) when there is nothing.
    """
    alpha = 1 - confidence
    if total <= 0:
        return 0.0, 1.0
    lower = 0.0 if bad <= 0 else beta_quantile(alpha, bad, total - bad + 1)
    upper = 1.0 if bad >= total else beta_quantile(confidence, bad + 1, total - bad)
    return lower, upper


def side(bad: float, total: float, ratio: float, confidence: float = 0.95) -> int:
    """Where the ratio lies against the same bounds: -1 the upper one is within it, 1 the lower one above it, 0 between."""
    if total <= 0:
        return 0
    if bad < total and incomplete_beta(bad + 1, total - bad, ratio) >= confidence:
        return -1
    return 1 if bad > 0 and incomplete_beta(bad, total - bad + 1, ratio) < 1 - confidence else 0


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) for X ~ Binomial(n, p)."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else incomplete_beta(n - k, k + 1, 1 - p)


def binomial_quantile(probability: float, n: int, p: float) -> int:
    """The smallest k with P(X <= k) >= probability."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if binomial_cdf(middle, n, p) >= probability:
            high = middle
        else:
            low = middle + 1
    return low


def quantile_ranks(n: int, quantile: float, confidence: float = 0.95) -> tuple[int, int] | None:
    """Ranks (from 1) of the ordered values between which the quantile lies; None where n values cannot hold it.

    Order statistics of the binomial: ranks binom.ppf(alpha/2) and binom.ppf(1 - alpha/2) + 1 (docs/measurement.md 3.3).
    """
    tail = (1 - confidence) / 2
    low = binomial_quantile(tail, n, quantile)
    high = binomial_quantile(1 - tail, n, quantile) + 1
    return (low, high) if low >= 1 and high <= n else None
