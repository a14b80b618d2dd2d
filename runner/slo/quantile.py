"""Quantile: a latency percentile with the interval that its order statistics allow, or a dash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner import units
from runner.slo import interval


@dataclass(frozen=True, slots=True)
class Quantile:
    """A percentile (0 to 100) of `n` values in seconds with its 95 % interval."""

    percentile: float
    n: int
    value_s: float
    low_s: float
    high_s: float

    def __str__(self) -> str:
        low, value, high = map(units.format_duration, (self.low_s, self.value_s, self.high_s))
        return f"p{self.percentile:g} {value} ({low} to {high}, n {self.n:,})"


def quantile(ordered_us: Sequence[float], percentile: float) -> Quantile | None:
    """The percentile of sorted latencies in microseconds; None where there are too few to bound it (p99 needs 368)."""
    n = len(ordered_us)
    ranks = interval.quantile_ranks(n, percentile / 100) if n else None
    if ranks is None:
        return None
    low, high = (ordered_us[rank - 1] / 1e6 for rank in ranks)
    rank = max(1, int(-(-n * percentile // 100)))
    return Quantile(percentile, n, ordered_us[rank - 1] / 1e6, low, high)


def shown(ordered_us: Sequence[float], percentile: float) -> str:
    """The same as text; `-` rather than a number that nothing stands behind."""
    found = quantile(ordered_us, percentile)
    return f"p{percentile:g} -" if found is None else str(found)
