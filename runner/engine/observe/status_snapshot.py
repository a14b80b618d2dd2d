"""How the run stands at one moment: the Status that whoever watches is handed ten times a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from runner.engine.observe.progress import Progress
from runner.engine.session import Session
from runner.slo import budget, timeslices
from runner.slo.guard import Guard, Reading
from runner.slo.guard_set import GuardSet
from runner.slo.objective import FAILED, Objective
from runner.slo.series import Counted, Series
from runner.timeline.status import BudgetStatus, GuardStatus, IndicatorStatus, Status, TargetStatus, UndoStatus
from runner.timeline.vocabulary import UndoState

HISTORY = 90
"""Seconds of sparkline."""
RECENT_S = 3.0


class Picture:
    """Keeps the histories; one value a second of each indicator."""

    def __init__(
        self, session: Session, series: Mapping[str, Series], objectives: Sequence[Objective], progress: Progress
    ) -> None:
        self._progress = progress
        self.tripped = ""
        """The sentence of the guard that stopped the run."""
        self._guards: tuple[GuardStatus, ...] = ()
        self._session = session
        self._series = series
        since = session.started_ns
        self._promised = [(o, timeslices.seen(o, series[o.indicator], since)) for o in objectives]
        self._errors = {name: deque[float | None](maxlen=HISTORY) for name in series}
        self._latencies = {name: deque[float | None](maxlen=HISTORY) for name in series}
        self._second = -1

    def take(self, now_ns: int, guards: GuardSet | None) -> Status:
        """The picture now; guards are shown while they are on duty, and afterwards where one of them stopped the run."""
        if guards:
            self._guards = tuple(_guard(guard, reading) for guard, reading in guards.readings(now_ns))
        if self.tripped and not any(g.tripped for g in self._guards):
            self._guards = tuple(replace(g, tripped=g.name == self.tripped) for g in self._guards)
        second = int((now_ns - self._session.started_ns) / 1e9)
        if second != self._second:
            self._second = second
            self._note_history(now_ns)
        return Status(
            phase=self._session.phase,
            elapsed_s=self._session.phase_elapsed_s,
            planned_s=self._session.phase_planned_s,
            t=(now_ns - self._session.started_ns) / 1e9,
            indicators=tuple(self._indicator(name, s, now_ns) for name, s in self._series.items()),
            budgets=tuple(_budget(o, counted) for o, counted in self._promised),
            guards=self._guards if guards or self.tripped else (),
            targets=tuple(TargetStatus(name=name, state=state) for name, state in self._progress.states.items()),
            hypothesis_met=self._progress.hypothesis_met,
            undo=self._undo(),
        )

    def _undo(self) -> tuple[UndoStatus, ...]:
        """Step 0 (no process was left to end) only where there was something to do."""
        steps = sorted(self._progress.steps.items())
        return tuple(
            UndoStatus(step=number, what=what, state=state)
            for number, (what, state) in steps
            if number or state not in (UndoState.STARTED, UndoState.ALREADY)
        )

    def _note_history(self, now_ns: int) -> None:
        for name, series in self._series.items():
            end_ns = now_ns - series.lag_ns(now_ns) - 1_000_000_000
            tally = series.tally(FAILED, end_ns - round(max(1.0, series.step_s) * 1e9), end_ns)
            self._errors[name].append(tally.ratio if tally.decided else None)
            self._latencies[name].append(_finite(series.percentile_s(95, now_ns - 1_000_000_000)))

    def _indicator(self, name: str, series: Series, now_ns: int) -> IndicatorStatus:
        recent_s = max(RECENT_S, 2 * series.step_s)
        start = now_ns - series.lag_ns(now_ns) - round(recent_s * 1e9)
        tally, whole = series.tally(FAILED, start), series.tally(FAILED, 0)
        return IndicatorStatus(
            name=name,
            requests=whole.decided,
            what=series.what,
            rate=tally.decided / recent_s if tally.decided else None,
            error_ratio=tally.ratio if tally.decided else None,
            p95_s=_finite(series.percentile_s(95, start)),
            errors=tuple(self._errors[name]),
            latencies=tuple(self._latencies[name]),
        )


def _guard(guard: Guard, reading: Reading) -> GuardStatus:
    return GuardStatus(
        name=guard.sentence, value=reading.value, limit=reading.limit, unit=guard.unit, free=reading.headroom
    )


def _budget(objective: Objective, counted: Counted) -> BudgetStatus:
    counted.watch(objective.criterion)
    tally = counted.tally(objective.criterion, 0)
    last_s = max(60.0, 5 * counted.slice_s)
    lately = counted.tally(objective.criterion, counted.now_ns - round(last_s * 1e9))
    spent = budget.spend(objective, tally.counted, counted.rate)
    return BudgetStatus(
        objective=objective.name,
        target=objective.target,
        spent=spent.share,
        burn_rate=budget.burn_rate(objective, lately.counted, lately.decided),
        outage_s=spent.spent_s,
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or value == float("inf") else value
