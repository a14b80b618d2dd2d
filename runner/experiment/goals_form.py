"""The form of a file of goals, and how one is read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from runner.experiment import source, typed
from runner.experiment.goals import Goals
from runner.experiment.quantities import Ratio

_DEFAULT = Goals()


class Form(BaseModel):
    """Every key may be left out; `null` is no goal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiments_per_month: float | None = Field(default=_DEFAULT.experiments_per_month, ge=0)
    continuity: Ratio | None = _DEFAULT.continuity
    weaknesses_per_quarter: int | None = Field(default=_DEFAULT.weaknesses_per_quarter, ge=0)
    mttr_improvement: Ratio | None = _DEFAULT.mttr_improvement
    slo_attainment: Ratio | None = _DEFAULT.slo_attainment


def load(path: str) -> Goals:
    """The goals of a file. Raises UsageError, and findings.Broken with every finding."""
    return Goals(**typed.read(source.read(path), Form, "goals").model_dump())
