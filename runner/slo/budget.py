"""Budget: how much full outage an objective allows in its window, and how much of that has been spent (docs/measurement.md 1.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from runner import units
from runner.slo.objective import Objective


@dataclass(frozen=True, slots=True)
class Budget:
    """Error budget as equivalent full-outage time: one second with half of the requests bad spends half a second."""

    total_s: float
    spent_s: float = 0.0
    """Never more than what was observed: the part before the run is not known here unless it was handed in."""

    @property
    def share(self) -> float:
        """Spent part of the whole, 0 to 1 and beyond."""
        return self.spent_s / self.total_s

    @property
    def remaining(self) -> float:
        """Left part of the whole, 0 to 1."""
        return max(0.0, 1 - self.share)

    @property
    def sentence(self) -> str:
        spent, total = units.format_duration(self.spent_s), units.format_duration(self.total_s)
        return f"{units.format_ratio(self.share)} of the error budget spent: {spent} of {total} full outage"


def whole(objective: Objective, already_spent: float = 0.0) -> Budget:
    """The objective's budget for its own window; `already_spent` is the share that is gone before the run."""
    total = objective.budget * objective.window_s
    return Budget(total, already_spent * total)


def spend(objective: Objective, bad: int, rate: float) -> Budget:
    """What `bad` requests of an even `rate` a second cost: bad ratio x duration = bad / rate."""
    return Budget(whole(objective).total_s, bad / rate)


def burn_rate(objective: Objective, bad: int, total: int) -> float | None:
    """Bad ratio over budget: 1 spends exactly the budget in the SLO's window. None without requests."""
    return bad / total / objective.budget if total else None


def exhausted_in_s(objective: Objective, burn: float, remaining: float = 1.0) -> float:
    """Seconds until a steady burn has eaten the remaining share."""
    return objective.window_s * remaining / burn if burn > 0 else math.inf


def forecast(objective: Objective, seconds: float, bad_ratio: float = 1.0) -> Budget:
    """What a fault of so many seconds would spend if that ratio of requests failed (1: a full outage)."""
    return Budget(whole(objective).total_s, seconds * bad_ratio)
