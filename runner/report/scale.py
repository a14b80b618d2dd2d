"""Scale: data to pixels, and the round numbers that an axis names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_TIME_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
_ROUND = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight or logarithmic map from `low..high` to the pixels `start..end`; values outside are held at the edge."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        held = min(max(value, self.low), self.high)
        if self.log:
            share = (math.log(held) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = (held - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Round values within: powers of ten where logarithmic, three to six even steps where not."""
        return _powers(self.low, self.high) if self.log else _even(self.low, self.high)


def ratio_top(values: Sequence[float], allowed: Sequence[float]) -> float:
    """The upper end of an axis of ratios: all data and twice what is allowed are visible; never above 1."""
    wanted = max([*(v * 1.12 for v in values), *(2 * a for a in allowed), 0.01])
    return min(1.0, _round_up(wanted))


def latency(values: Sequence[float], thresholds: Sequence[float], start: float, end: float) -> Scale:
    """An axis of seconds from the data and thresholds; logarithmic where they span more than a factor of fifteen."""
    positive = [v for v in values if v > 0] or [0.001]
    low, high = min(positive), max([*positive, *(t * 1.25 for t in thresholds), 0.001])
    if high / low > 15:
        return Scale(_round_down(low * 0.9), _round_up(high * 1.05), start, end, log=True)
    return Scale(0.0, _round_up(high * 1.05), start, end)


def time_ticks(seconds: float, most: int = 10) -> list[float]:
    """Nameable moments from 0 to `seconds`, at most about `most`."""
    step = next((s for s in _TIME_STEPS if seconds / s <= most), _TIME_STEPS[-1])
    return [round(i * step, 3) for i in range(int(seconds / step + 1e-9) + 1)]


def _even(low: float, high: float) -> list[float]:
    step = _round_up((high - low) / 4)
    return [round(low + i * step, 12) for i in range(int((high - low) / step + 1e-9) + 1)]


def _powers(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [10.0**e for e in range(first, last + 1) if low * 0.999 <= 10.0**e <= high * 1.001]
    if len(ticks) >= 2:
        return ticks
    return [m * 10.0**e for e in range(first, last + 1) for m in _ROUND if low * 0.999 <= m * 10.0**e <= high * 1.001]


def _round_up(value: float) -> float:
    base = 10.0 ** math.floor(math.log10(value))
    return next((m * base for m in (*_ROUND, 10.0) if m * base >= value * 0.999999), 10 * base)


def _round_down(value: float) -> float:
    base = 10.0 ** math.floor(math.log10(value))
    return next((m * base for m in reversed(_ROUND) if m * base <= value), base)
