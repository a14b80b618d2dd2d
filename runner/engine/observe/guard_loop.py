"""The loop in which a guard aborts a run: every 50 ms it reads the tapes, lets the guards decide, and notes effect, detection and recovery.

Whatever else ends a run early (a person, a control, a lost lock, an alert source that fell silent) calls `Session.end_early` too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.engine.observe.progress import Progress
from runner.engine.observe.status_snapshot import Picture
from runner.engine.observe.traffic import Traffic
from runner.engine.session import Session
from runner.experiment.detecting import Detection
from runner.experiment.experiment import Experiment
from runner.plan import translate
from runner.rundir.inbox import Inbox
from runner.slo import effect, timeslices
from runner.slo.burn_rule import BurnRule
from runner.slo.guard_set import GuardSet
from runner.slo.objective import Objective
from runner.slo.recovery import Recovered, Recovery
from runner.slo.series import Series
from runner.timeline.event import Name
from runner.timeline.vocabulary import MarkName, Phase, StopReason

TICK_S = 0.05
EVERY = 2
"""Ticks between two pictures and two looks into the inbox."""


class Watch:
    """One task for the whole run; what it does depends on the phase. If it dies the run is stopped: without eyes nothing is injected."""

    def __init__(
        self,
        session: Session,
        experiment: Experiment,
        traffic: Traffic,
        series: Mapping[str, Series],
        objectives: Sequence[Objective],
        progress: Progress,
    ) -> None:
        self.series = series
        self.picture = Picture(session, series, objectives, progress)
        self.recovered: Recovered | None = None
        """As it stands: a later outage takes it back."""
        self.objectives = tuple(objectives)
        self._session = session
        self._block = experiment.block
        self._traffic = traffic
        self._guards = tuple(translate.guards(experiment))
        self._on_duty: GuardSet | None = None
        self._effects: list[effect.Watch] = []
        self._burns: list[BurnRule] = []
        self._recovery: Recovery | None = None
        self._inbox = Inbox(session.folder)

    async def run(self) -> None:
        """Until cancelled."""
        ticks = 0
        try:
            while True:
                self._tick(pictured=ticks % EVERY == 0)
                ticks += 1
                await self._session.clock.sleep(TICK_S)
        finally:
            self._session.end_early(
                StopReason.RUNNER,
                "the monitoring loop stopped unexpectedly: the impact on users can no longer be measured",
            )

    def on_guard(self) -> None:
        """From here on the guards decide, and effect and detection are looked for."""
        now, series = self._session.clock.monotonic(), self.series
        for one in series.values():
            one.settle()
        self._on_duty = GuardSet(self._guards, series, self.objectives, now)
        baseline = next((w for w in self._session.windows if w.phase == Phase.BASELINE), None)
        if baseline is not None:
            span = (baseline.start_ns, baseline.end_ns)
            self._effects = [effect.Watch(s, span, now) for s in series.values()]
        self._burns = self._burn_rules()

    def off_guard(self) -> None:
        """The way back has begun: nothing may stop it."""
        self._on_duty = None

    def expect_recovery(self) -> None:
        """Users may have felt nothing at all: what is left to see then is that it stays so."""
        if self._recovery is None:
            self._look_for_recovery(self._session.phase_since_ns)

    def look_at_the_end(self) -> Recovered | None:
        """The recovery as it stands when nothing more is measured."""
        if self._recovery is not None:
            self.recovered = self._recovery.tick(self._session.clock.monotonic(), self._traffic.until_ns)
        return self.recovered

    @property
    def pauses(self) -> tuple[tuple[int, int], ...]:
        """Stretches after the impact in which every objective held until one was missed again (monotonic ns)."""
        return self._recovery.pauses if self._recovery is not None else ()

    @property
    def unwatched(self) -> tuple[int, int] | None:
        """Until when users are known to have been hurt, and since when too little is measured to say more (monotonic ns)."""
        if self._recovery is None or (since := self._recovery.unwatched_ns) is None:
            return None
        return self._recovery.hurt_ns, since

    def _look_for_recovery(self, since_ns: int) -> None:
        stable_s = self._block.windows.stable
        self._recovery = Recovery(self.series, self.objectives, stable_s, since_ns)

    def _burn_rules(self) -> list[BurnRule]:
        asked = self._block.detection or (Detection(),)
        if any(d.kind is not None for d in asked):  # the team's own alerts decide who noticed, and when
            return []
        named = {o.name: o for o in self.objectives}
        chosen = [(d, named.get(d.objective)) if d.objective else (d, next(iter(self.objectives), None)) for d in asked]
        now = self._session.clock.monotonic()
        counted = [(d, o, timeslices.seen(o, self.series[o.indicator], now)) for d, o in chosen if o is not None]
        return [BurnRule(o, series, d.burn_rate, d.over) for d, o, series in counted]

    def _tick(self, *, pictured: bool) -> None:
        now = self._session.clock.monotonic()
        self._traffic.poll(now)
        if self._on_duty is not None and not self._session.stop.done():
            self._decide(self._on_duty, now)
        self._look_for_effect(now)
        self._look_for_detection(now)
        if self._recovery is not None:
            self.recovered = self._recovery.tick(now, self._traffic.until_ns)
        if pictured:
            self._read_inbox()
            self._session.view.tick(self.picture.take(now, self._on_duty))

    def _decide(self, guards: GuardSet, now: int) -> None:
        breach = guards.tick(now, heartbeat_ns=self._traffic.heartbeat_ns)
        if breach is not None:
            self.picture.tripped = breach.condition
            self._session.tell(Name.BREACH, rule=breach.key, sentence=breach.sentence)
            if breach.users_hurt and self._session.marked(MarkName.EFFECTIVE) is None:
                self._felt(breach.since_ns, breach.condition, breach.sentence, breach.error_s)
            self._session.end_early(StopReason.GUARD, breach.sentence)

    def _look_for_effect(self, now: int) -> None:
        if self._session.marked(MarkName.EFFECTIVE) is not None:
            return
        if shift := next((found for w in self._effects if (found := w.tick(now))), None):
            self._felt(shift.at_ns, shift.indicator, shift.how, shift.error_s)

    def _felt(self, mono_ns: int, indicator: str, how: str, error_s: float) -> None:
        self._session.mark(MarkName.EFFECTIVE, mono_ns=mono_ns, error_s=error_s, source=indicator)
        self._session.tell(Name.EFFECTIVE, mono_ns=mono_ns, indicator=indicator, how=how, error_s=error_s)
        self._look_for_recovery(mono_ns)

    def _look_for_detection(self, now: int) -> None:
        for rule in self._burns:
            if self._session.marked(MarkName.DETECTED) is None and (fired := rule.tick(now)) is not None:
                self._detected("burn-rate", fired.sentence, fired.at_ns, fired.error_s)

    def _read_inbox(self) -> None:
        for message in self._inbox.poll():
            by, note = str(message.get("by") or "somebody"), str(message.get("note") or message.get("reason") or "")
            said_ns = int(message.get("mono_ns") or self._session.clock.monotonic())
            kind = str(message.get("kind"))
            self._session.hear(kind, by, note, said_ns)
            self._heard(kind, by, f": {note}" if note else "", said_ns)

    def _heard(self, kind: str, by: str, note: str, mono_ns: int) -> None:
        """What a person says: `note` begins with a colon where there is one, `mono_ns` is when it was said."""
        session = self._session
        match kind:
            case "ack" | "mitigated" if not session.injecting:
                what = "an acknowledgement" if kind == "ack" else "a mitigation"
                session.find("warning", f"{by} reported {what} before anything was injected{note}")
            case "ack":
                self._detected("person", f"{by}{note}", mono_ns, 0.2)
                session.mark(MarkName.ACKNOWLEDGED, mono_ns=mono_ns, error_s=0.2, source=f"person: {by}")
            case "mitigated":
                session.mark(MarkName.MITIGATED, mono_ns=mono_ns, error_s=0.2, source=f"person: {by}")
                session.find("info", f"mitigated, reported by {by}{note}")
            case "note":
                session.find("info", f"{by} noted{note}")
            case "stop":
                session.end_early(StopReason.PERSON, f"stopped by {by}{note}")

    def _detected(self, source: str, by: str, mono_ns: int, error_s: float) -> None:
        self._session.mark(MarkName.DETECTED, mono_ns=mono_ns, error_s=error_s, source=source)
        self._session.tell(Name.DETECTED, mono_ns=mono_ns, source=source, by=by, error_s=error_s)
