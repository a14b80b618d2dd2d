"""Goals: what a team wants to reach with its experiments, a small YAML or JSON file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from runner.spec import source, typed
from runner.spec.quantities import Ratio


class Goals(BaseModel):
    """The targets of the success figures; what is not given has the default, `null` is no goal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiments_per_month: float | None = Field(default=4, ge=0)
    continuity: Ratio | None = 0.99
    """Share of users' requests answered well while something was injected."""
    weaknesses_per_quarter: int | None = Field(default=None, ge=0)
    mttr_improvement: Ratio | None = None
    """Faster by this share than the quarter before."""
    slo_attainment: Ratio | None = 1.0


def load(path: str | None) -> Goals:
    """The goals of a file, the defaults without one. Raises UsageError, and findings.Broken with every finding."""
    return Goals() if path is None else typed.read(source.read(path), Goals, "goals")
