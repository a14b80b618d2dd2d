"""Goals: what a team wants to reach with its experiments, a small YAML or JSON file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runner.spec import findings, source
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
    if path is None:
        return Goals()
    document = source.read(path)
    try:
        return Goals.model_validate(document.tree)
    except ValidationError as problem:
        raise findings.Broken([_finding(document, error) for error in problem.errors()]) from None


def _finding(document: source.Source, error: Any) -> findings.Finding:
    place = tuple(error["loc"])
    if error["type"] != "extra_forbidden":
        return document.finding("error", "goals", place, error["msg"].removeprefix("Value error, "))
    hint = findings.nearest(str(place[-1]), list(Goals.model_fields), what="goals")
    return document.finding("error", "goals", place, f"unknown goal {place[-1]!r}", key=True, hint=hint)
