"""Recovery: since when the indicators are back within their objectives, and stay there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runner.slo.objective import Objective
from runner.slo.series import BUCKET_NS, Series

_SETTLE_NS = 100_000_000


@dataclass
class Recovery:
    """Mutable: looks for the first good slice from which all objectives hold for `stable_s` seconds, stamped at its start.

    A slice is half a second, or as long as it takes for ten requests, or two readings, of the slowest indicator: the error of the stamp.
    """

    series: Mapping[str, Series]
    objectives: Iterable[Objective]
    stable_s: float
    since_ns: int
    slice_s: float = field(init=False)
    candidate_ns: int = field(init=False)
    """The earliest moment that may still turn out to be the recovery."""

    def __post_init__(self) -> None:
        self._watched = [(o.momentary, self.series[o.indicator]) for o in self.objectives]
        for objective, series in self._watched:
            series.watch(objective.criterion)
        self.slice_s = max([0.5, *(2 * s.step_s or -(-10 * 20 // s.rate) / 20 for _, s in self._watched)])
        self.candidate_ns = -(-self.since_ns // BUCKET_NS) * BUCKET_NS

    def tick(self, now_ns: int) -> int | None:
        """When it recovered (monotonic ns), once that is certain; without objectives nothing can be said: None."""
        now_ns -= max((s.lag_ns(now_ns) for _, s in self._watched), default=0)
        stable, width = (round(seconds * 1e9) for seconds in (self.stable_s, self.slice_s))
        while self._watched and self.candidate_ns + width + _SETTLE_NS <= now_ns:
            end = self.candidate_ns + max(stable, width)
            if (first := self._good(self.candidate_ns, self.candidate_ns + width, now_ns)) is None:
                return None
            held = first and self._good(self.candidate_ns, end, now_ns)
            if held is None:
                return None
            if held:
                return self.candidate_ns
            self.candidate_ns += width
        return None

    def _good(self, start_ns: int, end_ns: int, now_ns: int) -> bool | None:
        """None while undecided requests, or a window not yet over, may still turn it."""
        answers = [self._holds(o, s, start_ns, end_ns, now_ns) for o, s in self._watched]
        if False in answers:
            return False
        return None if None in answers else True

    def _holds(self, objective: Objective, series: Series, start_ns: int, end_ns: int, now_ns: int) -> bool | None:
        tally = series.tally(objective.criterion, start_ns, end_ns)
        most = max(tally.scheduled, series.rate * (end_ns - start_ns) / 1e9)
        if tally.counted > objective.budget * most:
            return False
        if tally.undecided or end_ns + _SETTLE_NS > now_ns:
            return None
        measured = tally.decided >= 0.5 * series.rate * (end_ns - start_ns) / 1e9
        return measured and tally.counted <= objective.budget * tally.decided
