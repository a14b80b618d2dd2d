"""The last stage: wait until users are well again and the hypothesis holds, and say since when; a later outage takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runner import errors, units
from runner.engine.execute.method import Method
from runner.engine.observe.observers import Observers
from runner.engine.processes import Processes
from runner.engine.run_context import RunContext
from runner.engine.session import Session
from runner.engine.supervisor import Supervisor
from runner.timeline import ttd_ttr
from runner.timeline.event import Name
from runner.timeline.mark import Window
from runner.timeline.vocabulary import MarkName, Phase, StopReason

HYPOTHESIS_EVERY_S = 1.0
LOOK_S = 40.0
"""How long a check of the hypothesis may take."""
MANY_PAUSES = 3
"""More than these are told as a number."""


@dataclass
class _Hypothesis:
    """Mutable: since when it holds, and how far off that may be: between two looks nobody looked."""

    context: RunContext
    supervisor: Supervisor
    method: Method
    since_ns: int
    """Since the look before, at which it did not hold; or since everything was put back."""
    met_ns: int | None = None
    error_s: float = 0.0

    async def look(self, within_s: float) -> bool:
        """Once more, unless it was met already."""
        if self.met_ns is None:
            clock = self.context.session.clock
            began = clock.monotonic()
            if await self._holds(within_s):
                self.met_ns, self.error_s = began, max(0.05, (clock.monotonic() - self.since_ns) / 1e9)
            self.since_ns = began
        return self.met_ns is not None

    async def _holds(self, within_s: float) -> bool:
        """One check; it ends with the window that it belongs to, whatever it still waits for."""
        if not self.context.experiment.asks:
            return True
        try:
            state = await self.supervisor.hypothesis(min(LOOK_S, within_s))
        except errors.EnvironmentFailure as problem:
            self.context.session.find("warning", f"the hypothesis could not be checked: {problem.message}")
            return False
        return self.method.note_hypothesis("recovered", state)


async def recover(context: RunContext, processes: Processes, observers: Observers, method: Method) -> None:
    """Wait until users are well again and the hypothesis holds, for as long as the file allows."""
    session, experiment = context.session, context.experiment
    if not method.started or not (observers.objectives or experiment.asks):
        return  # nothing was begun, or there is nothing to see it by
    windows = experiment.block.windows
    session.enter(Phase.RECOVER, windows.recovery)
    observers.watch.expect_recovery()
    hypothesis = _Hypothesis(context, processes.supervisor, method, session.phase_since_ns)
    until = session.clock.monotonic() + round(windows.recovery * 1e9)
    met = False
    while (left_s := (until - session.clock.monotonic()) / 1e9) > 0 and not session.hurried:
        met = await hypothesis.look(left_s)
        if met and (observers.watch.recovered is not None or not observers.objectives or observers.traffic.dead):
            break
        await session.clock.sleep(0.05 if met else HYPOTHESIS_EVERY_S)
    session.recovery_over = not session.hurried
    if session.hurried:
        session.find("warning", f"recovery wait skipped: {session.hurried}")
    elif observers.traffic.dead and observers.watch.recovered is None:
        session.end_early(
            StopReason.RUNNER,
            "the prober died before the recovery was confirmed: whether the service recovered is unknown",
        )
    elif met:
        _tell(context, observers, hypothesis)
        await observers.detecting.settle()
    else:
        session.find("error", f"the service did not recover within {units.format_duration(windows.recovery)}")


def _tell(context: RunContext, observers: Observers, hypothesis: _Hypothesis) -> None:
    session, windows, found = context.session, context.experiment.block.windows, observers.watch.recovered
    if not observers.objectives:
        session.mark(MarkName.RECOVERED, mono_ns=hypothesis.met_ns, error_s=hypothesis.error_s, source="hypothesis")
        session.tell(Name.RECOVERED, mono_ns=hypothesis.met_ns, stable_s=0.0, error_s=round(hypothesis.error_s, 3))
    elif found is None and observers.watch.unwatched:
        _note_unwatched(session, observers)
    elif found is None:
        limit = units.format_duration(windows.recovery)
        session.find("error", f"the objectives were not met again within {limit}")
    else:
        _mark(session, observers)
        pauses = [{"from_s": session.seconds(a), "to_s": session.seconds(b)} for a, b in observers.watch.pauses]
        told: dict[str, Any] = {"pauses": pauses} if pauses else {}
        if found.unmeasured_s:
            told["unmeasured_s"] = found.unmeasured_s
        session.tell(
            Name.RECOVERED,
            mono_ns=found.at_ns,
            stable_s=windows.stable,
            error_s=found.error_s,
            missed=found.broken,
            **told,
        )


def _mark(session: Session, observers: Observers) -> None:
    if (found := observers.watch.recovered) is not None:
        source = "objectives" if found.broken else ttd_ttr.NEVER_MISSED
        session.mark(
            MarkName.RECOVERED,
            mono_ns=found.at_ns,
            error_s=found.error_s,
            source=source,
            unmeasured_s=found.unmeasured_s,
        )


def _note_unwatched(session: Session, observers: Observers) -> None:
    """Nobody can say whether users are well: neither that they recovered nor that they did not."""
    if (unwatched := observers.watch.unwatched) is None or session.marked(MarkName.UNWATCHED):
        return
    hurt_ns, since_ns = unwatched
    session.mark(MarkName.UNWATCHED, mono_ns=hurt_ns, source="objectives")
    at = units.format_duration(session.seconds(since_ns))
    session.find("error", f"too little was measured from {at} on: whether and when the service recovered is unknown")


def _say_the_gap(session: Session, observers: Observers) -> None:
    if (found := observers.watch.recovered) is None or not (found.unmeasured_s and found.broken):
        return
    if session.marked(MarkName.EFFECTIVE) is None:  # users felt nothing that there was to recover from
        return
    half = found.unmeasured_s / 2e-9
    begin, end = (units.format_duration(session.seconds(round(found.at_ns + sign * half))) for sign in (-1, 1))
    session.find("warning", f"the service recovered at some time from {begin} to {end}: not all of that was measured")


def at_the_end(session: Session, observers: Observers) -> tuple[Window, ...]:
    """What is left of the recovery when the last request has ended, and the pauses before it, for the record."""
    before, found = session.marked(MarkName.RECOVERED), observers.watch.look_at_the_end()
    if before is not None and observers.objectives:
        session.unmark(MarkName.RECOVERED)
        if found is None and not observers.watch.unwatched:
            at = units.format_duration(session.seconds(before.mono_ns))
            session.find(
                "error", f"the objectives were missed again before the run ended: the recovery at {at} did not last"
            )
        _mark(session, observers)
        _say_the_gap(session, observers)
    if observers.objectives and found is None:
        _note_unwatched(session, observers)
    if observers.watch.pauses:
        session.find("info", _told(session, observers.watch.pauses))
    return tuple(Window(phase=Phase.PAUSE, start_ns=a, end_ns=b) for a, b in observers.watch.pauses)


def _told(session: Session, pauses: tuple[tuple[int, int], ...]) -> str:
    """In seconds since the impact, as TTR is."""
    impact = session.marked(MarkName.EFFECTIVE)
    origin = impact.mono_ns if impact else session.phase_since_ns
    spans = [tuple(units.format_duration(max(0.0, (at - origin) / 1e9)) for at in pause) for pause in pauses]
    if len(spans) > MANY_PAUSES:
        longest = max(pauses, key=lambda pause: pause[1] - pause[0])
        begin, end = spans[pauses.index(longest)]
        found = f"the objectives held {len(spans)} times between outages, the longest from {begin} to {end} after the impact"
        return f"{found}: these are pauses, not the recovery"
    times = " and ".join(f"from {begin} to {end}" for begin, end in spans)
    return f"the objectives held {times} after the impact and were then missed again: a pause, not the recovery"
