"""Statistics of detection and recovery times (TTD, TTR), with MTTD and MTTR as their means: every value counts, a censored one as a lower
bound, and none is dropped.

Means of a few skewed durations decide nothing (docs/measurement.md 5.2), so the median leads; a censored value is a lower bound,
and a quantile that would fall into the censored ones is a lower bound too and says so.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
FEWEST_FOR_INTERVAL = 6
"""With fewer values, no two order statistics hold the median with 95 %: 1 - 2 * 0.5^5 = 93.75 %."""
_EXACT_UP_TO = 1000


class CensoredTime(NamedTuple):
    """One duration in seconds; a censored one is known only to be at least that long, and sorts behind its equal."""

    seconds: float
    censored: bool = False


class Durations(NamedTuple):
    """Many durations in seconds, in ascending order, apart: those that ended, and those known only as lower bounds."""

    ended: Sequence[float]
    bounds: Sequence[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """One statistic in seconds; `at_least` when censored values make it a lower bound."""

    seconds: float
    at_least: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DurationSummary:
    """What can be said of a list of durations; a figure is None where there is no value, or too few."""

    n: int
    censored: int
    median: Estimate | None
    median_low: Estimate | None
    """The lower end of the median's 95 % order-statistic interval; None below six values."""
    median_high: Estimate | None
    mean: Estimate | None
    p90: Estimate | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """k of n with Wilson's 95 % interval; ratios from 0 to 1. Without any trial the interval is all of 0 to 1."""

    k: int
    n: int
    low: float
    high: float


def durations(values: Iterable[tuple[float, bool]]) -> Durations:
    """Values in any order, told apart and ordered."""
    ended: list[float] = []
    bounds: list[float] = []
    for seconds, censored in values:
        (bounds if censored else ended).append(seconds)
    return Durations(sorted(ended), sorted(bounds))


def merge(many: Iterable[Durations]) -> Durations:
    """All of them as one."""
    every = [*many]
    return Durations(
        sorted([seconds for one in every for seconds in one.ended]),
        sorted([seconds for one in every for seconds in one.bounds]),
    )


def summarise(values: Sequence[CensoredTime]) -> DurationSummary:
    """Summary of any number of durations, in any order: see `summary`."""
    return summary(durations(values))


def summary(found: Durations) -> DurationSummary:
    """What can be said of durations.

    The median and p90 are those of the values taken as they stand (linear interpolation, as numpy does by default), marked
    `at_least` when a censored value lies at or below the higher neighbour: raising it could raise the figure. The mean is
    `at_least` as soon as anything is censored.
    """
    ordered = sorted([*found.ended, *found.bounds])
    interval = median_ranks(len(ordered))
    first = bisect_right(found.ended, found.bounds[0]) if found.bounds else len(ordered)
    return DurationSummary(
        n=len(ordered),
        censored=len(found.bounds),
        median=_quantile(ordered, 0.5, first),
        median_low=_ranked(ordered, interval[0] - 1, first) if interval else None,
        median_high=_ranked(ordered, interval[1] - 1, first) if interval else None,
        mean=_mean(ordered, first),
        p90=_quantile(ordered, 0.9, first),
    )


def median_ranks(n: int) -> tuple[int, int] | None:
    """The ranks (from 1) of the narrowest symmetric pair of order statistics that holds the median with at least 95 %.

    P(X_(r) < median < X_(n+1-r)) = 1 - 2 P(Bin(n, 1/2) <= r - 1). None for fewer than six values; above a thousand the
    normal approximation, rounded outwards.
    """
    if n < FEWEST_FOR_INTERVAL:
        return None
    if n > _EXACT_UP_TO:
        low = math.floor((n - Z95 * math.sqrt(n)) / 2)
        return low, n + 1 - low
    tail, term, rank = 0, 1, 0
    while 40 * (tail + term) <= 2**n:  # in whole numbers: 2 * tail <= 5 %
        tail += term
        rank += 1
        term = term * (n - rank + 1) // rank
    return rank, n + 1 - rank


def rate(k: int, n: int) -> Rate:
    """A share with its interval (Wilson 1927, score interval at 95 %). Raises ValueError unless 0 <= k <= n."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if n == 0:
        return Rate(k=0, n=0, low=0.0, high=1.0)
    share, square = k / n, Z95 * Z95
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = Z95 / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    low = 0.0 if k == 0 else max(0.0, centre - half)
    high = 1.0 if k == n else min(1.0, centre + half)
    return Rate(k=k, n=n, low=low, high=high)


def _mean(ordered: Sequence[float], first: int) -> Estimate | None:
    """`first` is the place of the first censored value, behind its equals: from it on every figure is a lower bound."""
    if not ordered:
        return None
    return Estimate(seconds=math.fsum(ordered) / len(ordered), at_least=first < len(ordered))


def _quantile(ordered: Sequence[float], share: float, first: int) -> Estimate | None:
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low, high = math.floor(place), math.ceil(place)
    return Estimate(seconds=ordered[low] + (ordered[high] - ordered[low]) * (place - low), at_least=first <= high)


def _ranked(ordered: Sequence[float], index: int, first: int) -> Estimate:
    return Estimate(seconds=ordered[index], at_least=first <= index)
