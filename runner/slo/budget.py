"""Budget: how much full outage an objective allows in its window, and how much of that has been spent (docs/measurement.md 1.1)."""

from __future__ import annotations

from dataclasses import dataclass

from runner import units
from runner.slo.objective import Objective


@dataclass(frozen=True, slots=True)
class Budget:
    """Error budget as equivalent full-outage time: one second with half of the requests bad spends half a second."""

    total_s: float
    spent_s: float = 0.0
    """By what was observed: what was spent before the run is not in it."""

    @property
    def share(self) -> float:
        """Spent part of the whole, 0 to 1 and beyond."""
        return self.spent_s / self.total_s

    @property
    def sentence(self) -> str:
        spent, total = units.format_duration(self.spent_s), units.format_duration(self.total_s)
        return f"{units.format_ratio(self.share)}, {spent} of {total} full outage"


def spend(objective: Objective, bad: int, rate: float) -> Budget:
    """What `bad` requests of an even `rate` a second cost: bad ratio x duration = bad / rate."""
    return Budget(objective.budget * objective.window_s, bad / rate)


def burn_rate(objective: Objective, bad: int, total: int) -> float | None:
    """Bad ratio over budget: 1 spends exactly the budget in the SLO's window. None without requests."""
    return bad / total / objective.budget if total else None
