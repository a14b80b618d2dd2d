"""From the file's words to the arithmetic's: objectives and guards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from runner.experiment import model
from runner.experiment.abort import AbortRule
from runner.experiment.experiment import Experiment
from runner.slo import guard_set
from runner.slo.guard import Guard
from runner.slo.guards.burn_rate import BurnRate
from runner.slo.guards.duration import Duration
from runner.slo.objective import Objective

if TYPE_CHECKING:
    from runner.experiment.openslo_alerts import OfferedGuard

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


def guards(experiment: Experiment) -> tuple[Guard, ...]:
    """The file's guards and those that are always on: no run is without a longest duration, and none goes on unseen."""
    block = experiment.block
    given = [guard for rule in block.abort for guard in _asked(rule, experiment)]
    if not any(isinstance(guard, Duration) for guard in given):
        given.append(Duration(LONGEST_S))
    return guard_set.always_on(given, watched=bool(block.traffic or experiment.metrics or block.checks))


def silent_s(experiment: Experiment) -> float:
    """How long a silence may last at the most, should nobody be left to end it: the longest fault and its undo, in seconds."""
    return min(guard.after_s for guard in guards(experiment) if isinstance(guard, Duration)) + UNDO_S


def _asked(rule: AbortRule, experiment: Experiment) -> Iterable[Guard]:
    """The guard of a list item, or those that an alert policy stands for."""
    if (guard := rule.guard) is not None:
        return [guard]
    offers = experiment.offered.get(rule.alert_policies or "", ())
    return dict.fromkeys(offered(rule.alert_policies or "", offer) for offer in offers)


def offered(objective: str, offer: OfferedGuard) -> BurnRate:
    """The guard that a condition of an alert policy is: it looks at one window, so both of the pair are that."""
    return BurnRate(objective, offer.above, offer.over_s, offer.over_s)
