"""From the file's words to the arithmetic's: objectives and abort rules."""

from __future__ import annotations

from collections.abc import Iterable

from runner.slo import rules
from runner.slo.objective import Objective
from runner.spec import model
from runner.spec.experiment import Experiment


def objectives(experiment: Experiment) -> tuple[Objective, ...]:
    """Every objective of the experiment, OpenSLO documents included."""
    return tuple(Objective(o.name, o.indicator, o.kind, o.target, o.threshold, o.window) for o in experiment.objectives)


def guard_rules(experiment: Experiment) -> tuple[rules.Rule, ...]:
    """The file's abort conditions; there is always one (rule: no run without a stop condition)."""
    return tuple(_rules(experiment.block.abort))


def _rules(given: Iterable[model.AbortRule]) -> Iterable[rules.Rule]:
    for rule in given:
        if rule.error_ratio:
            yield rules.ErrorRatio(rule.error_ratio.indicator, rule.error_ratio.above, rule.error_ratio.over)
        elif rule.timeout_ratio:
            yield rules.TimeoutRatio(rule.timeout_ratio.indicator, rule.timeout_ratio.above, rule.timeout_ratio.over)
        elif rule.latency:
            slow = rule.latency
            yield rules.LatencyPercentile(slow.indicator, slow.percentile, slow.above, slow.over)
        elif rule.connection_errors:
            yield rules.ConnectionErrors(rule.connection_errors.indicator, rule.connection_errors.allowed)
        elif rule.budget:
            yield rules.BudgetSpent(rule.budget.objective, rule.budget.spend)
        elif rule.evidence:
            yield rules.Evidence(rule.evidence.objective, rule.evidence.alpha, rule.evidence.burn)
        elif rule.no_data:
            yield rules.NoData(rule.no_data.after)
        elif rule.duration:
            yield rules.Duration(rule.duration)
