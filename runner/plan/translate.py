"""From the file's words to the arithmetic's: objectives and abort rules."""

from __future__ import annotations

from collections.abc import Iterable

from runner.experiment import model
from runner.experiment.experiment import Experiment
from runner.slo import rules
from runner.slo.objective import Objective

UNDO_S = 300.0
"""How long the way back may take."""
LONGEST_S = 3600.0
"""How long method and guards may run where the file does not say."""


def objectives(experiment: Experiment) -> tuple[Objective, ...]:
    """Every objective of the experiment, OpenSLO documents included."""
    return tuple(promised(o) for o in experiment.objectives)


def promised(o: model.Objective) -> Objective:
    """One objective of a file."""
    return Objective(o.name, o.indicator, o.kind, o.target, o.threshold, o.window, o.slice, o.slice_target, o.judge)


def abort_rules(experiment: Experiment) -> tuple[model.AbortRule, ...]:
    """The file's abort conditions and, where it sets no longest duration, ours: no run is without a stop condition."""
    given = tuple(one for rule in experiment.block.abort for one in _spelled(rule, experiment))
    return given if any(rule.duration for rule in given) else (*given, model.AbortRule(duration=LONGEST_S))


def silent_s(experiment: Experiment) -> float:
    """How long a silence may last at the most, should nobody be left to end it: the longest fault and its undo, in seconds."""
    return min(rule.duration for rule in abort_rules(experiment) if rule.duration) + UNDO_S


def _spelled(rule: model.AbortRule, experiment: Experiment) -> Iterable[model.AbortRule]:
    """The rule, or those that an alert policy stands for: it looks at one window, so both of the pair are that."""
    if rule.alert_policies is None:
        return [rule]
    pairs = [
        model.BurnRate(objective=rule.alert_policies, above=o.above, long=o.over_s, short=o.over_s)
        for o in experiment.offered.get(rule.alert_policies, ())
    ]
    return [model.AbortRule(burn_rate=pair) for pair in dict.fromkeys(pairs)]


def guard_rules(experiment: Experiment) -> tuple[rules.Rule, ...]:
    """The same for the arithmetic."""
    return tuple(_rules(abort_rules(experiment)))


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
        elif rule.burn_rate:
            burn = rule.burn_rate
            yield rules.BurnRate(burn.objective, burn.above, burn.long, burn.short or burn.long / 12)
        elif rule.evidence:
            yield rules.Evidence(rule.evidence.objective, rule.evidence.alpha, rule.evidence.burn)
        elif rule.no_data:
            yield rules.NoData(rule.no_data.after)
        elif rule.duration:
            yield rules.Duration(rule.duration)
