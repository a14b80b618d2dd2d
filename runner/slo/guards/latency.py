"""`latency`: a percentile of an indicator's latency is too high."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from runner import units
from runner.slo.guard import Bound, Evaluator, Guard, Length, Observed, Unit, Window
from runner.slo.objective import Objective, unanswered_within
from runner.slo.windowed import Windowed


@dataclass(frozen=True)
class Latency(Guard):
    """Abort when a latency percentile over a sliding window is above."""

    key = "latency"
    unit = Unit.RATIO
    users_hurt = True

    indicator: str
    above_s: Length
    percentile: Annotated[float, Bound(above=0, below=100)] = 95
    over_s: Length = 10.0

    @property
    def slower(self) -> float:
        """Ratio of requests that may take longer than `above_s`."""
        return round(1 - self.percentile / 100, 12)

    @property
    def sentence(self) -> str:
        limit, window = units.format_duration(self.above_s), units.format_duration(self.over_s)
        return f"{self.indicator}: p{self.percentile:g} above {limit} over {window}"

    def evaluator(self, seen: Observed) -> Evaluator:
        series, slow = seen.series[self.indicator], unanswered_within(self.above_s)
        words = f"took longer than {units.format_duration(self.above_s)}"
        note = f", {units.format_ratio(self.slower)} may"
        return Windowed(series, slow, self.slower, self.over_s, seen.started_ns, words, note)

    def windows(self, objectives: Mapping[str, Objective]) -> tuple[Window, ...]:
        return (Window(self.indicator, self.slower, self.over_s),)
