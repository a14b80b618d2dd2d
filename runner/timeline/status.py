"""Status: how a run stands at one moment, as the engine hands it to whoever watches, some ten times a second."""

from __future__ import annotations

from dataclasses import dataclass

from runner.timeline.vocabulary import UndoState


@dataclass(frozen=True, kw_only=True, slots=True)
class IndicatorStatus:
    """One stream of our own traffic; ratios from 0 to 1, times in seconds, None where there is no data."""

    name: str
    requests: int = 0
    what: str = "requests"
    """What was counted: our requests, or the events of a source."""
    """Ended so far, in the whole run."""
    rate: float | None = None
    """Requests a second that ended in the last seconds."""
    error_ratio: float | None = None
    p95_s: float | None = None
    errors: tuple[float | None, ...] = ()
    """History of the error ratio, oldest first, one value a second or so."""
    latencies: tuple[float | None, ...] = ()
    """History of the 95th percentile, alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetStatus:
    """What the run has spent of one objective's error budget."""

    objective: str
    target: float
    spent: float = 0.0
    """Share of the whole budget of the SLO window, 0 to 1 and beyond."""
    burn_rate: float | None = None
    """Of the last minute or so; 1 spends the budget exactly within the SLO window."""
    outage_s: float = 0.0
    """The spent part as equivalent full-outage time, in seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardStatus:
    """One abort condition: its value now against its limit."""

    name: str
    value: float | None
    limit: float
    unit: str = "ratio"
    """How to print both: ratio, seconds or count."""
    tripped: bool = False
    free: float | None = None
    """What the guard itself reckons to be free of the limit, 0 to 1: the rest of a window that is not full yet counts as good."""

    @property
    def headroom(self) -> float | None:
        """Share of the limit still free, 0 to 1; None without data."""
        if self.tripped or self.value is None:
            return 0.0 if self.tripped else None
        if self.free is not None:
            return self.free
        return max(0.0, 1 - self.value / self.limit) if self.limit > 0 else float(self.value <= 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetStatus:
    """One target by name and what is known of it: aimed, hit, passed over (another was chosen), undone."""

    name: str
    state: str = "aimed"


@dataclass(frozen=True, kw_only=True, slots=True)
class UndoStatus:
    """One step of the way back."""

    step: int
    what: str
    state: str = UndoState.WAITING
    """A word of UndoState."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """The whole picture."""

    phase: str
    elapsed_s: float
    """Since this phase began."""
    planned_s: float | None = None
    """What this phase is meant to take, or None when nobody knows."""
    t: float = 0.0
    """Seconds since the run began."""
    indicators: tuple[IndicatorStatus, ...] = ()
    budgets: tuple[BudgetStatus, ...] = ()
    guards: tuple[GuardStatus, ...] = ()
    targets: tuple[TargetStatus, ...] = ()
    hypothesis_met: bool | None = None
    """None while it has not been checked, or where the file has none."""
    undo: tuple[UndoStatus, ...] = ()
