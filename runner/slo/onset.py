"""Onset: since when too many requests count, and how far off that may be (docs/measurement.md 2.5)."""

from __future__ import annotations

import math

from runner.slo.objective import Criterion
from runner.slo.series import BUCKET_NS, Counted, Series


def found(series: Counted, criterion: Criterion, start_ns: int, allowed: float) -> tuple[int, float]:
    """When more than `allowed` of the requests began to count, looking back to `start_ns`, and how far off that may be, in seconds.

    The first one that counts after the slice in which the cumulative sum against a ratio between what was allowed and what came
    was lowest: the likeliest moment of the change (Page, Biometrika 41, 1954).
    """
    width_ns = slice_ns(series) if isinstance(series, Series) else round(series.slice_s * 1e9)
    first_ns = series.begin_ns(start_ns)
    roughly_ns = _lowest(series, criterion, first_ns, width_ns, allowed)
    came = series.tally(criterion, roughly_ns).ratio
    begin_ns = _lowest(series, criterion, first_ns, width_ns, _between(allowed, came)) if came > allowed else roughly_ns
    counting_ns = series.first_ns(criterion, begin_ns)
    at_ns = begin_ns if counting_ns is None else counting_ns
    quiet = isinstance(series, Series) and not series.tally(criterion, first_ns, at_ns).counted
    return at_ns, error_s(series, criterion, at_ns, BUCKET_NS if quiet else width_ns)


def _lowest(series: Counted, criterion: Criterion, first_ns: int, width_ns: int, ratio: float) -> int:
    """The end of the slice in which the sum of what counts beyond the ratio was lowest."""
    begin_ns, excess, lowest = first_ns, 0.0, 0.0
    for end in range(first_ns + width_ns, series.now_ns + width_ns, width_ns):
        tally = series.tally(criterion, end - width_ns, end)
        excess += tally.counted - ratio * tally.decided
        if excess <= lowest:
            lowest, begin_ns = excess, end
    return begin_ns


def _between(before: float, after: float) -> float:
    """The ratio that is as unlikely before as after: where the likelihoods of two Bernoulli ratios are equal."""
    low, high = max(before, 1e-4), min(after, 0.99)
    if high <= low:
        return low
    calm, loud = math.log((1 - low) / (1 - high)), math.log(high / low)
    return calm / (calm + loud)


def slice_ns(series: Counted) -> int:
    """25 requests, a quarter of a second at least: enough to see a change in."""
    return max(5, -(-25 * 20 // int(max(1, series.rate)))) * BUCKET_NS


def error_s(series: Counted, criterion: Criterion, at_ns: int, seen_ns: int) -> float:
    """How far off the first bad request may be: by how finely it was seen, and by what a partial fault spares before it.

    At a ratio p of `rate` requests a second the first bad one comes within 3 / (rate x p) seconds with 95 % (-ln 0.05 = 3).
    """
    tally = series.tally(criterion, at_ns)
    spared_s = 3 / (series.rate * tally.ratio) if tally.counted else 0.0
    return seen_ns / 1e9 + min(spared_s, 1.0 + tally.decided / series.rate) + series.step_s
