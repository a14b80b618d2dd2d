"""Difference: whether two windows' bad ratios are further apart than chance puts them (docs/measurement.md 3.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from runner.slo import interval

CONFIDENCE = 0.95
"""Of the interval: of pairs from one and the same service so many at least hold zero."""
FEW = 5
"""Bad requests in fewer clumps than this cannot carry an interval, as for a verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """The bad requests (or slices) of one window, and how many times more they clump than chance would have it."""

    bad: int
    total: int
    dispersion: float = 1.0

    @property
    def ratio(self) -> float:
        return self.bad / self.total if self.total else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """The second bad ratio less the first, and its 95 % interval; all from -1 to 1."""

    ratio: float
    low: float
    high: float
    few: bool = False
    """The bad requests came in so few clumps that no interval tells chance from a change."""

    @property
    def beyond_chance(self) -> bool:
        """Whether chance, as far as one window shows it, does not put them so far apart."""
        return not self.few and (self.low > 0 or self.high < 0)


def between(first: Counted, second: Counted) -> Difference | None:
    """Newcombe's interval by squaring and adding ("Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17, 1998, method 10) around the limits of Clopper and Pearson, which keep it on the safe side. Dispersion
    as in a verdict, the larger one for both: one and the same service would clump alike. None where one of them has no data.
    """
    if not first.total or not second.total:
        return None
    phi = max(first.dispersion, second.dispersion)
    one, other = _limits(first, phi), _limits(second, phi)
    apart = second.ratio - first.ratio
    return Difference(
        ratio=apart,
        low=apart - math.hypot(second.ratio - other[0], one[1] - first.ratio),
        high=apart + math.hypot(other[1] - second.ratio, first.ratio - one[0]),
        few=0 < max(first.bad, second.bad) < FEW * phi,
    )


def _limits(counted: Counted, phi: float) -> tuple[float, float]:
    """Two-sided, so each of the one-sided bounds takes half of what is left."""
    return interval.clopper_pearson(counted.bad / phi, counted.total / phi, (1 + CONFIDENCE) / 2)
