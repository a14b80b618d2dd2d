"""Can the chosen rates and windows decide anything? Said before, not after, something was broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.experiment.experiment import Experiment
from runner.experiment.model import Block
from runner.plan import translate
from runner.slo import power
from runner.slo.objective import Objective


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What the planned window can say about one objective; a `warning` when it can never pass."""

    sentence: str
    warning: str | None = None


def objectives(given: Sequence[Objective], block: Block, seconds: float) -> list[Opinion]:
    """One opinion an objective over a window of that many seconds."""
    rates = {t.name: t.rate for t in block.traffic}
    readings = {c.indicator: 1 / c.every_s for c in block.checks}
    opinions = []
    for objective in given:
        forecast = power.can_decide(objective, (rates | readings)[objective.indicator], seconds)
        said = _of_readings(forecast.sentence) if objective.indicator in readings else forecast.sentence
        opinions.append(Opinion(sentence=said, warning=None if forecast.can_pass else said))
    return opinions


def _of_readings(sentence: str) -> str:
    """A sentence about requests said of the readings of a check."""
    from runner.slo import counts  # dear, and for nobody else

    return counts.of_events(sentence).replace("events", "readings")


def short_windows(experiment: Experiment) -> list[str]:
    """A sentence for each guard whose window holds too few requests to mean anything: such a run is refused."""
    rates = {t.name: t.rate for t in experiment.block.traffic}
    promised = {o.name: o for o in translate.objectives(experiment)}
    return power.refusals(translate.guards(experiment), promised, rates)
