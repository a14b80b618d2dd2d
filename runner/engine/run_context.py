"""What one run is about and where it takes place, as one value that no stage can change.

What lives (processes, observers, what was found before the first change) is no part of it: a stage takes that as an argument of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.engine.options import Options
from runner.engine.session import Session
from runner.experiment.experiment import Experiment

if TYPE_CHECKING:
    from runner.engine.preflight.target_environment import Surroundings


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """Fixed from the first process to the verdict."""

    session: Session
    """The run's identity, its clock and its folder; every event goes through it."""
    options: Options
    experiment: Experiment
    where: Surroundings

    @property
    def strategy(self) -> str:
        """When the hypothesis is asked; `skip` also where a dry run asks nothing."""
        return self.experiment.runtime.hypothesis if self.experiment.runtime.asks else "skip"
