"""Goals: what a team wants to reach with its experiments, a small YAML or JSON file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Goals:
    """The targets of the success figures; what is not given has the default, None is no goal."""

    experiments_per_month: float | None = 4
    continuity: float | None = 0.99
    """Share of users' requests answered well while something was injected."""
    weaknesses_per_quarter: int | None = None
    mttr_improvement: float | None = None
    """Faster by this share than the quarter before."""
    slo_attainment: float | None = 1.0
