"""`budget`: the run costs too much of an objective's error budget."""

from __future__ import annotations

from dataclasses import dataclass

from runner import units
from runner.slo import budget, onset
from runner.slo.guard import Evaluator, Guard, Observed, Ratio, Reading, Unit


@dataclass(frozen=True)
class BudgetSpent(Guard):
    """Abort when the run has spent this share of an objective's whole error budget."""

    key = "budget"
    unit = Unit.RATIO
    users_hurt = True

    objective: str
    spend: Ratio

    @property
    def sentence(self) -> str:
        return f"{self.objective}: more than {units.format_ratio(self.spend)} of its error budget spent"

    def evaluator(self, seen: Observed) -> Evaluator:
        objective, series, limit = seen.objectives[self.objective], seen.counted(self.objective), self.spend
        criterion, started_ns = objective.criterion, seen.started_ns
        series.watch(criterion)

        def evaluate(now_ns: int) -> Reading:
            tally = series.tally(criterion, started_ns)
            spent = budget.spend(objective, tally.counted, series.rate)
            measured = f"{spent.sentence} ({tally.counted:,}/{tally.decided:,} bad)"
            used = spent.share / limit if limit else float(tally.counted)
            if spent.share <= limit:
                return Reading(spent.share, limit, used, measured)
            since = onset.found(series, criterion, started_ns, objective.budget)
            return Reading(spent.share, limit, used, measured, *since)

        return evaluate
