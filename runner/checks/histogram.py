"""Histogram: a quantile of cumulative buckets, as Prometheus estimates it, and no number where the buckets do not tell."""

from __future__ import annotations

import math
from collections.abc import Mapping

from runner import units
from runner.checks.check import Measured, NoData


def quantile(buckets: Mapping[float, float], share: float, limit: float) -> Measured:
    """Of rates or counts by upper bound; evenly spread inside a bucket. Raises NoData.

    Prometheus answers with the highest bound where the quantile lies above all of them; that is only an answer if it is beyond the limit.
    """
    bounds = sorted(buckets)
    if not bounds or bounds[-1] != math.inf:
        raise NoData("the histogram has no bucket le=+Inf")
    if not (whole := buckets[math.inf]):
        raise NoData("nothing was counted in the last five minutes")
    rank, below, before = share * whole, 0.0, 0.0
    for bound in bounds[:-1]:
        if buckets[bound] >= rank:
            inside = buckets[bound] - before
            return Measured(
                below + (bound - below) * ((rank - before) / inside if inside else 1.0), "of the last 5 minutes"
            )
        below, before = bound, buckets[bound]
    if below > limit:
        return Measured(below, "or longer: it has no larger bucket")
    raise NoData(f"it is above {units.format_duration(below)}, the largest bucket: the histogram does not tell how far")
