"""`burn_rate`: an objective's error budget burns too fast, over a long and over a short window at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from runner import units
from runner.slo.guard import Bound, Evaluator, Guard, Length, Observed, Reading, Unit, Window
from runner.slo.objective import Objective
from runner.slo.windowed import Windowed


@dataclass(frozen=True)
class BurnRate(Guard):
    """Abort when an objective burns its budget too fast over a long and a short window at once."""

    key = "burn_rate"
    unit = Unit.RATIO
    users_hurt = True
    widens = True

    objective: str
    above: Annotated[float, Bound(above=0)] = 14.4
    """Familiar ones: 14.4, 6, 3, 1 times what would just use up the budget."""
    long_s: Length = 60.0
    short_s: Length | None = None
    """A twelfth of the long one."""

    @property
    def spans_s(self) -> tuple[float, ...]:
        """Both windows, or the one that both are."""
        return tuple(dict.fromkeys((self.long_s, self.long_s / 12 if self.short_s is None else self.short_s)))

    def limit(self, objective: Objective) -> float:
        """The bad ratio at the limit; capped where the budget is too large for the rate: an outage has to stop the run still."""
        return min(0.9, self.above * objective.budget)

    @property
    def sentence(self) -> str:
        spans = " and ".join(map(units.format_duration, self.spans_s))
        return f"{self.objective}: its budget burns more than {self.above:g}x over {spans}"

    def evaluator(self, seen: Observed) -> Evaluator:
        objective, series = seen.objectives[self.objective], seen.counted(self.objective)
        limit = self.limit(objective)
        counting = "bad" if objective.slice_target is None else f"of {series.what} bad"
        note = f"; {limit / objective.budget:.3g}x are {units.format_ratio(limit)}"
        spans = [
            Windowed(series, objective.criterion, limit, over_s, seen.started_ns, counting, note)
            for over_s in self.spans_s
        ]
        long, short = spans[0], spans[-1]

        def evaluate(now_ns: int) -> Reading:
            """How far it is, is how far the window behind is; since when, is what the long one says."""
            far, near = long(now_ns), short(now_ns)
            behind = far if far.headroom > near.headroom else near
            if near.since_ns is None or far.since_ns is None:
                return Reading(behind.value, limit, behind.used, behind.measured)
            return Reading(behind.value, limit, behind.used, behind.measured, far.since_ns, far.error_s)

        return evaluate

    def windows(self, objectives: Mapping[str, Objective]) -> tuple[Window, ...]:
        objective = objectives[self.objective]
        return tuple(Window(objective.indicator, self.limit(objective), over_s, objective) for over_s in self.spans_s)
