"""`duration`: the run takes too long."""

from __future__ import annotations

from dataclasses import dataclass

from runner import units
from runner.slo.guard import Evaluator, Guard, Length, Observed, Reading, Unit


@dataclass(frozen=True)
class Duration(Guard):
    """Abort when method and guards have run for this long."""

    key = "duration"
    unit = Unit.SECONDS
    users_hurt = False
    bare = "after_s"

    after_s: Length

    @property
    def sentence(self) -> str:
        return f"running for longer than {units.format_duration(self.after_s)}"

    def evaluator(self, seen: Observed) -> Evaluator:
        limit, end_ns = self.after_s, seen.started_ns + round(self.after_s * 1e9)

        def evaluate(now_ns: int) -> Reading:
            age = (now_ns - seen.started_ns) / 1e9
            measured = f"it has run for {units.format_duration(max(0.0, age))}"
            return Reading(age, limit, age / limit, measured, end_ns if age > limit else None)

        return evaluate
