"""`check`: a ready check of the file is bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from runner import units
from runner.slo.checked import Checked
from runner.slo.guard import Bound, Evaluator, Guard, Observed, Reading, Seconds, Unit


@dataclass(frozen=True)
class CheckBad(Guard):
    """Abort when a check of `checks:` is bad in every reading of this long; 0: in one."""

    key = "check"
    unit = Unit.SECONDS
    users_hurt = False
    of_checks = True

    indicator: str
    for_s: Annotated[Seconds, Bound(least=0)] = 0.0

    @property
    def sentence(self) -> str:
        return (
            f"{self.indicator}: bad for {units.format_duration(self.for_s)}" if self.for_s else f"{self.indicator}: bad"
        )

    def evaluator(self, seen: Observed) -> Evaluator:
        """Only readings speak: what was not read meanwhile is the business of the guard against silence."""
        series, limit, started_ns = seen.series[self.indicator], self.for_s, seen.started_ns
        if not isinstance(series, Checked):
            raise TypeError(f"{self.indicator} is no check")

        def evaluate(now_ns: int) -> Reading:
            measured = series.said.removeprefix("bad: ")
            if series.bad_since_ns is None:
                return Reading(0.0 if series.said else None, limit, 0.0, measured or "not read yet")
            since_ns = max(started_ns, series.bad_since_ns)
            lasted = max(0.0, (series.now_ns - since_ns) / 1e9)
            if lasted < limit:
                return Reading(lasted, limit, lasted / limit, measured)
            return Reading(lasted, limit, 1.0, measured, since_ns, series.step_s)

        return evaluate
