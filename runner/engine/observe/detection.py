"""Detecting: the team's own alert pipeline watched for as long as the run, its stages marked, its answers kept as evidence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import clock, errors, units
from runner.engine.observe.source_gaps import Answers
from runner.engine.session import Session
from runner.experiment.experiment import Experiment
from runner.plan import plan as plans
from runner.timeline import alerting
from runner.timeline.alerting import Floor, Seen
from runner.timeline.event import Name
from runner.timeline.mark import Mark
from runner.timeline.record import Alerting
from runner.timeline.vocabulary import MarkName, StopReason

if TYPE_CHECKING:
    from runner.probe.alerts.source import Source

SILENT_S = 10.0
"""A source that cannot be reached for this long ends the fault: without it nobody can say whether it was noticed."""
EVIDENCE = "evidence"
MOST_STEADY_S = 15.0
"""So long an alert has to stay resolved before the run believes it, or one evaluation of its rule where that is shorter."""
LAST_S = 3.0
"""How long the verdict waits for what each source says at the end."""
NOT_UNDERSTOOD = (errors.EnvironmentFailure, AttributeError, KeyError, TypeError, ValueError)
"""What a source raises that cannot be asked, or whose answer is not what its system is known to say."""
MOST_KEPT = 500
"""Raw answers of one run; what comes after is still marked."""


class Detecting:
    """All sources of one run; without any, nothing is imported and our own rule stands in (see the watch)."""

    def __init__(self, session: Session, experiment: Experiment, access: Mapping[str, Mapping[str, Any]]) -> None:
        """`access` are the secrets of each source, as `detection:` and its index."""
        self._session = session
        self._experiment = experiment
        self._access = access
        self._asked = [(i, d) for i, d in enumerate(experiment.block.detection) if d.kind is not None]
        self._sources: list[Source] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._floor = Floor()
        self._seen: list[Seen] = []
        self._kept = 0
        self._floors: list[Floor] = []
        self._answers = Answers()
        self._ending = asyncio.Event()
        self.guarding = False
        """Whether a source that falls silent ends the fault."""

    async def open(self) -> None:
        """Reach every source and watch from now on. Raises EnvironmentFailure for one that is not there, nothing injected."""
        if not self._asked:
            return
        from runner.probe.alerts.source import Setting, build  # httpx is dear, and most runs have no source

        expect, session = self._experiment.block.expect, self._session
        for index, d in self._asked:
            setting = Setting(
                kind=str(d.kind),
                target=d.where,
                match=d.match,
                timeout_s=d.timeout,
                access=self._access.get(f"detection:{index}", {}),
                options={"alert": expect.alert, "labels": expect.labels} | d.particulars | d.options,
                clock=session.clock,
            )
            self._sources.append(build(setting))
        self._floors = self._reckoned([await opened(source) for source in self._sources])
        self._floor = alerting.joined(self._floors)
        self._tasks = [asyncio.create_task(self._watch(source)) for source in self._sources]
        self._say_floor()

    def _reckoned(self, floors: Sequence[Floor]) -> list[Floor]:
        """The floors of systems without rules by what the rules of the others say of the alerts that may come."""
        from runner.probe.alerts.source import Explaining

        known = {id(source): source.may_raise() for source in self._sources if isinstance(source, Explaining)}
        coming = [labels for found in known.values() for labels in found]
        return [
            alerting.joined(source.floor_of(labels, whole=False) for labels in coming)
            if coming and isinstance(source, Explaining) and not known[id(source)]
            else floor
            for source, floor in zip(self._sources, floors, strict=True)
        ]

    def _say_floor(self) -> None:
        if self._floor.parts:
            parts, total = _spelled(self._floor), units.format_duration(self._floor.seconds)
            self._session.find("info", f"worst-case alerting delay: {total} ({parts})")
            fault_s = plans.method_seconds(self._experiment)
            if fault_s < self._floor.seconds:
                short = (
                    f"the fault lasts about {units.format_duration(fault_s)}, the worst-case alerting delay is {total}"
                )
                self._session.find("warning", f"{short}: a missing alert may only mean that the fault is too short")

    async def _watch(self, source: Source) -> None:
        try:
            await self._follow(source)
        finally:
            if not self._ending.is_set():
                self._session.end_early(
                    StopReason.RUNNER,
                    f"the detection source {source.name} stopped unexpectedly: time to detect can no longer be measured",
                )

    async def _follow(self, source: Source) -> None:
        """Until the end, and once more then."""
        self._answers.came(self._called(source), self._session.clock.monotonic())
        last = False
        while not last:
            last = self._ending.is_set()
            try:
                seen = await source.poll()
            except NOT_UNDERSTOOD as problem:  # no data is never "nobody noticed"
                self._answers.failed(self._called(source))
                seconds = (self._session.clock.monotonic() - self._answers.heard[self._called(source)]) / 1e9
                self._silent(source, seconds, _why(problem))
            else:
                now, before = self._session.clock.monotonic(), self._answers.heard[self._called(source)]
                self._answers.came(self._called(source), now)
                self._take(alerting.taken_back(seen, self._seen, now, before))
            await self._pause(source.every_s)

    async def _pause(self, seconds: float) -> None:
        """That long, or until the end."""
        either = {
            asyncio.ensure_future(self._session.clock.sleep(seconds)),
            asyncio.ensure_future(self._ending.wait()),
        }
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in either:
                one.cancel()

    def _silent(self, source: Source, seconds: float, why: str) -> None:
        if seconds < SILENT_S:
            return
        said = f"{source.name} has not answered for {units.format_duration(round(seconds))}: {why}"
        if self.guarding:
            self._session.end_early(StopReason.GUARD, said)
        elif not self._session.stop.done():
            self._session.find("warning", f"{source.name} could not be reached for a while: {why}")

    def _take(self, seen: Sequence[Seen]) -> None:
        self._seen += seen
        injected = self._session.marked(MarkName.INJECTED)
        if injected is None:
            return
        own = alerting.fresh(self._seen, injected.mono_ns - round(injected.error_s * 1e9))
        for one in own:
            if (
                one.stage in alerting.PIPELINE
                and one.stage != MarkName.RESOLVED
                and self._marked(one.stage, one.source) is None
            ):
                self._mark(one)
        for source in self._sources:
            self._mark_end(own, source.name)

    def _marked(self, stage: str, source: str) -> Mark | None:
        return next((m for m in self._session.marks if (m.name, m.source) == (stage, source)), None)

    def _mark_end(self, own: Sequence[Seen], source: str) -> None:
        """The last all-clear of a source is the end; one that is taken back was none, and what fires again is told again."""
        found, mark = (
            alerting.ending(own, source, self._experiment.block.expect.alert),
            self._marked(MarkName.RESOLVED, source),
        )
        if mark is not None and (found.resolved is None or found.resolved.mono_ns != mark.mono_ns):
            self._session.marks.remove(mark)
            if found.resolved is None:
                self._tell(next(s for s in reversed(own) if s.source == source and s.stage in alerting.OPENINGS), "")
            mark = None
        if mark is None and found.resolved is not None:
            self._mark(found.resolved)

    def _mark(self, seen: Seen) -> None:
        session, kept = self._session, self._keep(seen)
        session.mark(
            MarkName(seen.stage), mono_ns=seen.mono_ns, error_s=seen.error_s, source=seen.source, evidence=kept
        )
        self._tell(seen, kept)
        # by what was told sooner, if not before this
        noticed = [m for m in session.marks if m.name == MarkName.DETECTED]
        if seen.stage in (self._deciding, MarkName.ACKNOWLEDGED) and alerting.sooner(seen, noticed):
            session.mark(
                MarkName.DETECTED, mono_ns=seen.mono_ns, error_s=seen.error_s, source=seen.source, evidence=kept
            )
            session.tell(Name.DETECTED, mono_ns=seen.mono_ns, source=seen.source, by=seen.alert, error_s=seen.error_s)

    def _tell(self, seen: Seen, kept: str) -> None:
        self._session.tell(
            Name.ALERT,
            mono_ns=seen.mono_ns,
            stage=seen.stage,
            alert=seen.alert,
            source=seen.source,
            error_s=seen.error_s,
            evidence=kept,
        )

    def _keep(self, seen: Seen) -> str:
        """The raw answer in the run's folder, secrets masked; its name."""
        if not seen.raw or self._kept >= MOST_KEPT:
            return ""
        folder = self._session.folder / EVIDENCE
        name = f"{EVIDENCE}/{self._kept + 1:03d}-{seen.source}-{seen.stage}.json"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            text = self._session.mask.text(seen.raw.decode("utf-8", "replace"))
            (self._session.folder / name).write_text(text, "utf-8")
        except OSError:  # a full disk: the mark is worth more than its evidence
            return ""
        self._kept += 1
        return name

    @property
    def _deciding(self) -> MarkName:
        """The stage that counts as noticed: firing, where any source can tell it."""
        told = any(MarkName.FIRING in source.stages for source in self._sources)
        return MarkName.FIRING if told else MarkName.NOTIFIED

    def _on(self) -> bool:
        """Whether an alert of the fault is known, by whatever stage."""
        return any(m.name in alerting.OPENINGS for m in self._session.marks)

    async def settle(self) -> None:
        """Wait until what fired is resolved, for as long as the file allows since everything was put back."""
        limit = self._experiment.block.expect.resolved_within
        undone = self._session.marked(MarkName.UNDONE)
        if not self._tasks or limit is None or undone is None:
            return
        until = undone.mono_ns + round(limit * 1e9)
        steady_ns = round(min(self._floor.parts.get("evaluation", 1.0), MOST_STEADY_S) * 1e9)
        await clock.poll_until_async(
            lambda: not self._on() or self._over(steady_ns) or self._session.hurried,
            (until - self._session.clock.monotonic()) / 1e9,
            0.05,
            clock=self._session.clock,
        )
        if self._session.hurried:
            self._session.find("warning", f"wait for the alerts to be resolved skipped: {self._session.hurried}")

    def _over(self, steady_ns: int) -> bool:
        """Whether the alerts are resolved everywhere, and have been so for a while: one that flaps is soon back."""
        telling = {source.name for source in self._sources if MarkName.RESOLVED in source.stages}
        end = alerting.all_clear(self._session.marks, telling).given
        return end is not None and self._session.clock.monotonic() - end.mono_ns >= steady_ns

    async def look_back(self) -> None:
        """What the sources themselves wrote down and nobody saw: an alert between two looks, or while a source was away."""
        injected = self._session.marked(MarkName.INJECTED)
        if injected is None or not self._sources:
            return
        await self._look_once_more()
        from runner.probe.alerts.source import Remembering

        for source in self._sources:
            if isinstance(source, Remembering):
                try:
                    asked = self._session.clock.monotonic()
                    told = await source.history(self._session.started_ns, asked)
                except NOT_UNDERSTOOD as problem:
                    said = f"the alert history of {source.name} could not be read: {_why(problem)}"
                    self._session.find("warning", said)
                else:
                    self._answers.remembered(self._called(source), asked)
                    self._take(alerting.unseen(told, self._seen))

    async def _look_once_more(self) -> None:
        """What happened since each source was asked last; one that does not answer now may know what we do not."""
        asked = self._session.clock.monotonic()
        self._ending.set()
        await asyncio.wait(self._tasks, timeout=LAST_S)
        for source in self._sources:
            if (heard := self._answers.heard[self._called(source)]) < asked:
                self._answers.end(self._called(source), asked)
                since = units.format_duration(round((asked - heard) / 1e9))
                said = f"{source.name} did not answer at the end: its alerts of the last {since} are unknown"
                self._session.find("warning", said)

    @property
    def unwatched_ns(self) -> int | None:
        """From when on (monotonic) it is not known whether anybody noticed; None where all sources could be asked."""
        injected = self._session.marked(MarkName.INJECTED)
        gaps = self._answers.missing(injected.mono_ns) if injected else []
        return gaps[0].since_ns if gaps else None

    def conclude(self) -> Alerting | None:
        """What is to be said of the alerts; None where none are watched."""
        if not self._sources:
            return None
        from runner.engine.observe.alert_findings import Alerted

        named = {self._called(source): source for source in self._sources}
        return Alerted(
            self._session, self._experiment.block.expect, named, self._floors, self._answers, self._seen
        ).conclude()

    def _called(self, source: Source) -> str:
        """A source by its name and where it is: there may be two of a kind."""
        return f"{source.name} {self._asked[self._sources.index(source)][1].where}"

    async def close(self) -> None:
        """End everything, in whatever state."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for source in self._sources:
            await source.close()


async def opened(source: Source) -> Floor:
    """Raises EnvironmentFailure, also where it answers what its system never would."""
    try:
        return await source.open()
    except NOT_UNDERSTOOD as problem:
        if isinstance(problem, errors.EnvironmentFailure):
            raise
        raise errors.EnvironmentFailure(f"the detection source {source.name}: {_why(problem)}") from None


def _why(problem: Exception) -> str:
    if isinstance(problem, errors.EnvironmentFailure):
        return problem.message
    return f"its answer is not understood ({type(problem).__name__}: {problem})"


def _spelled(floor: Floor) -> str:
    return " + ".join(f"{name} {units.format_duration(seconds)}" for name, seconds in floor.parts.items())
