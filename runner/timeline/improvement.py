"""Improvement: whether the same experiment recovers faster than it did before, or whether that cannot be told yet
(docs/measurement.md 5.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from runner.timeline.mttd_mttr import Z95

Waits = Sequence[tuple[float, bool]]
"""Seconds, and whether they are only a lower bound; in any order."""
MOST = 100
"""Values of each side that are paired."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryChange:
    """How long it takes now as a share of how long it took: 0.8 is a fifth faster."""

    before: int
    after: int
    """Numbers of values."""
    ratio: float | None
    """None where there is no value on one side, or the wait now never ended."""
    low: float | None
    high: float | None
    """Its 95 % interval; None where there are too few values for one."""

    @property
    def told(self) -> str:
        """`faster`, `slower`, or `too few to tell`; `no change to be seen` where the interval holds 1."""
        if self.ratio is None or self.low is None or self.high is None:
            return "too few to tell"
        if self.high < 1:
            return "faster"
        return "slower" if self.low > 1 else "no change to be seen"


def compare(before: Waits, after: Waits) -> RecoveryChange:
    """The Hodges-Lehmann ratio: the median of every wait now over every wait then, with the ranks of Mann and Whitney.

    Ranks of the interval by the normal approximation, rounded outwards (Hollander and Wolfe, "Nonparametric Statistical
    Methods", 4.2-4.3). Censored waits are taken against us: then as they stand, now as if they had never ended.
    """
    now = _thinned([math.inf if censored else seconds for seconds, censored in after])
    then = _thinned([max(seconds, 1e-9) for seconds, _ in before])
    ratios = sorted([n / b for n in now for b in reversed(then)])  # ascending runs: quickly sorted
    count = len(ratios)
    if not count:
        return RecoveryChange(before=len(before), after=len(after), ratio=None, low=None, high=None)
    middle = (ratios[(count - 1) // 2] + ratios[count // 2]) / 2
    pairs = len(before) * len(after)
    rank = math.floor(count * (0.5 - Z95 * math.sqrt((len(before) + len(after) + 1) / (12 * pairs))))
    low, high = (ratios[rank - 1], ratios[count - rank]) if rank >= 1 else (None, None)
    return RecoveryChange(
        before=len(before),
        after=len(after),
        ratio=_finite(middle),
        low=_finite(low),
        high=_finite(high),
    )


def _thinned(values: Sequence[float]) -> list[float]:
    """All of them, in order; of very many, evenly spaced ranks stand for the others: pairs grow with the square."""
    ordered = sorted(values)
    n = len(ordered)
    return ordered if n <= MOST else [ordered[(2 * i + 1) * n // (2 * MOST)] for i in range(MOST)]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
