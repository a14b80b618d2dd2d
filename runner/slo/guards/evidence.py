"""`evidence`: the always-valid test is sure that an objective is missed (docs/measurement.md 2.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from runner import units
from runner.slo import betting
from runner.slo.guard import Bound, Evaluator, Guard, Observed, Reading, Unit

_LARGEST = 600.0
"""Logarithm of the largest evidence that is shown: a float ends at 709."""


@dataclass(frozen=True)
class Evidence(Guard):
    """Abort by the always-valid slice-betting test: at most `alpha` of healthy runs whose slices are independent
    are stopped like this."""

    key = "evidence"
    unit = Unit.COUNT
    users_hurt = True

    objective: str
    alpha: Annotated[float, Bound(above=0, below=1)] = 0.01
    burn: Annotated[float, Bound(above=0)] = 1.0
    """Burn rate that is still allowed."""

    @property
    def sentence(self) -> str:
        what = "it is breached" if self.burn == 1 else f"its budget burns more than {self.burn:g}x"
        return f"{self.objective}: evidence at alpha {self.alpha:g} that {what}"

    def evaluator(self, seen: Observed) -> Evaluator:
        """Alpha is shared out over all guards of this kind, so that together they keep it."""
        objective = seen.objectives[self.objective]
        test = betting.Evidence(objective, seen.counted(self.objective), seen.started_ns, self.burn)
        limit = math.log(sum(isinstance(g, Evidence) for g in seen.guards) / self.alpha)
        against = f"against <= {units.format_ratio(test.null)} bad"
        healthy = f"at most {units.format_ratio(self.alpha)} of healthy runs whose slices are independent are stopped like this"

        def evaluate(now_ns: int) -> Reading:
            found = test.log_evidence()
            value = math.exp(min(found, _LARGEST))
            if found < limit:
                odds = betting.odds(found) if found > 0 else "none"
                measured = f"{odds} {against}, stops at {betting.odds(limit)}"
                return Reading(value, math.exp(limit), found / limit, measured)
            measured = f"{betting.odds(found)} {against}; {healthy}"
            return Reading(value, math.exp(limit), 1.0, measured, *test.onset())

        return evaluate
