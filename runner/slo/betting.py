"""Betting: the always-valid test of "no more than a ratio of requests is bad", one bet a slice of time.

For each slice with Y = bad/scheduled and a null of conditional mean <= m, every bettor j multiplies its capital by
1 + lambda_j (Y - m). The mean capital E is a test supermartingale, so P(ever E >= 1/alpha) <= alpha (Ville's inequality)
however often one looks and however bad requests clump inside a slice. It is the hedged betting of Waudby-Smith and Ramdas,
"Estimating means of bounded random variables by betting", JRSS-B 2024, for a one-sided null and nine fixed alternatives.
Why it holds, and what it does not cover: docs/measurement.md 2.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from runner.slo import onset
from runner.slo.objective import Objective
from runner.slo.series import Counted

_BEFORE = 10
"""Slices before the climb that tell whether it was quiet."""
_SETTLE_NS = 100_000_000  # a slice is complete this long after its end: the reader's tick and a late prober


@dataclass
class Betting:
    """Mutable: nine bettors against "at most `null` of the requests are bad", 0 < null < 1."""

    null: float
    lambdas: tuple[float, ...] = field(init=False)
    logs: list[float] = field(init=False)

    def __post_init__(self) -> None:
        m = self.null
        if not 0 < m < 1:
            raise ValueError(f"a ratio of {m} allowed bad cannot be tested; it must lie between 0 and 1")
        alternatives = (min(2.0**j * m, 0.999) for j in range(1, 10))
        self.lambdas = tuple(max(0.0, min((p - m) / (m * (1 - m)), 0.9 / m)) for p in alternatives)
        self.logs = [0.0] * len(self.lambdas)
        self._calm = [math.log1p(-rate * m) for rate in self.lambdas]

    def bet(self, bad: float, scheduled: float) -> None:
        """One slice that is over."""
        self.logs = self._after(bad, scheduled)

    def log_evidence(self) -> float:
        """Natural logarithm of E: 0 when nothing is known, below it when all looks well."""
        return _log_mean_exp(self.logs)

    def log_evidence_with(self, slices: list[tuple[int, int]]) -> float:
        """The same if these (bad, scheduled) followed, without taking them in."""
        kept = self.logs
        for bad, scheduled in slices:
            self.bet(bad, scheduled)
        found, self.logs = self.log_evidence(), kept
        return found

    def _after(self, bad: float, scheduled: float) -> list[float]:
        if not scheduled:
            return self.logs
        if not bad:
            return [total + step for total, step in zip(self.logs, self._calm, strict=True)]
        excess = min(bad / scheduled, 1.0) - self.null
        return [total + math.log1p(rate * excess) for total, rate in zip(self.logs, self.lambdas, strict=True)]


def _log_mean_exp(logs: list[float]) -> float:
    top = max(logs)
    return top + math.log(sum(math.exp(value - top) for value in logs) / len(logs))


class Evidence:
    """Mutable: the test of one objective on a live series, slice by slice from `started_ns` on.

    Slices that still hold undecided requests are bet on provisionally with those as good: capital only grows with Y, so what
    crosses the threshold with them good crosses it whatever becomes of them.
    """

    def __init__(self, objective: Objective, series: Counted, started_ns: int, burn: float = 1.0) -> None:
        self.objective, self.series = objective, series
        self.null = min(0.99, objective.budget * burn)
        self.slice_ns = round(series.slice_s * 1e9)
        series.watch(objective.criterion)
        self._betting = Betting(self.null)
        self._next_ns = self._started_ns = series.begin_ns(started_ns)
        self._low = 0.0
        self.climb_ns = self._next_ns
        """Where the present climb of the evidence began: the end of the slice in which it was lowest."""

    def log_evidence(self) -> float:
        """Natural logarithm of E as of the series' last `absorb`."""
        criterion = self.objective.criterion
        open_slices: list[tuple[int, int]] = []
        start = self._next_ns
        while start + self.slice_ns + _SETTLE_NS <= self.series.now_ns:
            tally = self.series.tally(criterion, start, start + self.slice_ns)
            start += self.slice_ns
            if tally.undecided or open_slices:
                open_slices.append((tally.counted, tally.scheduled))
            else:
                self._bet(tally.counted, tally.scheduled, start)
        return self._betting.log_evidence_with(open_slices)

    def onset(self) -> tuple[int, float]:
        """When the present climb began, and how far off that may be, in seconds."""
        since_ns = max(self._started_ns, self.climb_ns - _BEFORE * self.slice_ns)
        return onset.found(self.series, self.objective.criterion, since_ns, self.null)

    def _bet(self, bad: int, scheduled: int, end_ns: int) -> None:
        self._betting.bet(bad, scheduled)
        self._next_ns = end_ns
        if (evidence := self._betting.log_evidence()) <= self._low:
            self._low, self.climb_ns = evidence, end_ns


def odds(log_evidence: float) -> str:
    """`480:1`, or `more than 1,000,000:1`."""
    if log_evidence > math.log(1e6):
        return "more than 1,000,000:1"
    return f"{math.exp(log_evidence):,.0f}:1" if log_evidence >= math.log(10) else f"{math.exp(log_evidence):.1f}:1"
