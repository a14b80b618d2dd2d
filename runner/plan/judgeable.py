"""Can the chosen rates and windows decide anything? Said before, not after, something was broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.experiment.experiment import Experiment
from runner.experiment.model import Traffic
from runner.plan import translate
from runner.slo import power
from runner.slo.objective import Objective


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What the planned window can say about one objective; a `warning` when it can never pass."""

    sentence: str
    warning: str | None = None


def objectives(given: Sequence[Objective], traffic: Sequence[Traffic], seconds: float) -> list[Opinion]:
    """One opinion an objective over a window of that many seconds."""
    rates = {t.name: t.rate for t in traffic}
    forecasts = [power.can_decide(o, rates[o.indicator], seconds) for o in given]
    return [Opinion(sentence=f.sentence, warning=None if f.can_pass else f.sentence) for f in forecasts]


def short_windows(experiment: Experiment) -> list[str]:
    """A sentence for each guard whose window holds too few requests to mean anything: such a run is refused."""
    rates = {t.name: t.rate for t in experiment.block.traffic}
    promised = {o.name: o for o in translate.objectives(experiment)}
    return power.refusals(translate.guards(experiment), promised, rates)
