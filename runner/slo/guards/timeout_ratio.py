"""`timeout_ratio`: too many of an indicator's requests time out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner import units
from runner.slo.guard import Evaluator, Guard, Length, Observed, Ratio, Unit, Window
from runner.slo.objective import TIMED_OUT, Objective
from runner.slo.windowed import Windowed


@dataclass(frozen=True)
class TimeoutRatio(Guard):
    """Abort when the share of timed-out requests in a sliding window is above."""

    key = "timeout_ratio"
    unit = Unit.RATIO
    users_hurt = True

    indicator: str
    above: Ratio
    over_s: Length = 10.0

    @property
    def sentence(self) -> str:
        limit, window = units.format_ratio(self.above), units.format_duration(self.over_s)
        return f"{self.indicator}: more than {limit} timed out over {window}"

    def evaluator(self, seen: Observed) -> Evaluator:
        return Windowed(seen.series[self.indicator], TIMED_OUT, self.above, self.over_s, seen.started_ns, "timed out")

    def windows(self, objectives: Mapping[str, Objective]) -> tuple[Window, ...]:
        return (Window(self.indicator, self.above, self.over_s),)
