"""Detecting: the team's own alert pipeline watched for as long as the run, its stages marked, its answers kept as evidence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner import errors, units
from runner.engine.session import Session
from runner.plan import plan as plans
from runner.timeline import alerting
from runner.timeline.alerting import Floor, Seen, Wanted
from runner.timeline.event import Name
from runner.timeline.record import Alerting

if TYPE_CHECKING:
    from runner.probe.alerts.source import Source

SILENT_S = 10.0
"""A source that cannot be reached for this long ends the fault: without it nobody can say whether it was noticed."""
EVIDENCE = "evidence"
LAST_S = 3.0
"""How long the verdict waits for what each source says at the end."""
NOT_UNDERSTOOD = (errors.EnvironmentFailure, AttributeError, KeyError, TypeError, ValueError)
"""What a source raises that cannot be asked, or whose answer is not what its system is known to say."""
MOST_KEPT = 500
"""Raw answers of one run; what comes after is still marked."""


class Detecting:
    """All sources of one run; without any, nothing is imported and our own rule stands in (see the watch)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._asked = [(i, d) for i, d in enumerate(session.experiment.block.detection) if d.kind is not None]
        self._sources: list[Source] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._floor = Floor()
        self._seen: list[Seen] = []
        self._kept = 0
        self._heard: dict[int, int] = {}
        """When each source (by its `id`) answered last (monotonic)."""
        self._ending = asyncio.Event()
        self.guarding = False
        """Whether a source that falls silent ends the fault."""

    async def open(self) -> None:
        """Reach every source and watch from now on. Raises EnvironmentFailure for one that is not there, nothing injected."""
        if not self._asked:
            return
        from runner.probe.alerts.source import Setting, build  # httpx is dear, and most runs have no source

        expect, session = self._session.experiment.block.expect, self._session
        for index, d in self._asked:
            setting = Setting(
                kind=str(d.kind),
                target=d.where,
                match=d.match,
                timeout_s=d.timeout,
                access=session.experiment.access.get(f"detection:{index}", {}),
                options={"alert": expect.alert} | d.particulars | d.options,
                clock=session.clock,
            )
            self._sources.append(build(setting))
        self._floor = alerting.joined([await opened(source) for source in self._sources])
        self._tasks = [asyncio.create_task(self._watch(source)) for source in self._sources]
        self._say_floor()

    def _say_floor(self) -> None:
        if self._floor.parts:
            parts, total = _spelled(self._floor), units.format_duration(self._floor.seconds)
            self._session.find("info", f"at the worst it takes {total} until an alert tells anybody: {parts}")
            fault_s = plans.method_seconds(self._session.experiment.method)
            if fault_s < self._floor.seconds:
                short = f"the fault lasts about {units.format_duration(fault_s)}, the alerts may need {total}"
                self._session.find("warning", f"{short}: that nobody notices may only mean that it is too short")

    async def _watch(self, source: Source) -> None:
        try:
            await self._follow(source)
        finally:
            if not self._ending.is_set():
                self._session.end_early(
                    "runner", f"the watch over {source.name} ended: nobody sees whether anybody notices"
                )

    async def _follow(self, source: Source) -> None:
        """Until the end, and once more then."""
        self._heard[id(source)] = self._session.clock.monotonic()
        last = False
        while not last:
            last = self._ending.is_set()
            try:
                seen = await source.poll()
            except NOT_UNDERSTOOD as problem:  # no data is never "nobody noticed"
                seconds = (self._session.clock.monotonic() - self._heard[id(source)]) / 1e9
                self._silent(source, seconds, _why(problem))
            else:
                self._heard[id(source)] = self._session.clock.monotonic()
                self._take(seen)
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
            self._session.end_early("guard", said)
        elif not self._session.stop.done():
            self._session.find("warning", f"{source.name} could not be reached for a while: {why}")

    def _take(self, seen: Sequence[Seen]) -> None:
        self._seen += seen
        injected = self._session.marked("injected")
        if injected is None:
            return
        begun = injected.mono_ns - round(injected.error_s * 1e9)
        for one in alerting.fresh(self._seen, begun):
            if not any(m.name == one.stage and m.source == one.source for m in self._session.marks):
                self._mark(one)

    def _mark(self, seen: Seen) -> None:
        session, kept = self._session, self._keep(seen)
        session.mark(seen.stage, mono_ns=seen.mono_ns, error_s=seen.error_s, source=seen.source, evidence=kept)
        session.tell(
            Name.ALERT,
            mono_ns=seen.mono_ns,
            stage=seen.stage,
            alert=seen.alert,
            source=seen.source,
            error_s=seen.error_s,
            evidence=kept,
        )
        noticed = [m for m in session.marks if m.name == "detected"]  # by what was told sooner, if not before this
        if seen.stage in (self._deciding, "acknowledged") and alerting.sooner(seen, noticed):
            session.mark("detected", mono_ns=seen.mono_ns, error_s=seen.error_s, source=seen.source, evidence=kept)
            session.tell(Name.DETECTED, mono_ns=seen.mono_ns, source=seen.source, by=seen.alert, error_s=seen.error_s)

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
    def _deciding(self) -> str:
        """The stage that counts as noticed: firing, where any source can tell it."""
        return "firing" if any("firing" in source.stages for source in self._sources) else "notified"

    def _on(self) -> bool:
        """Whether an alert of the fault is known, by whatever stage."""
        return any(m.name in alerting.OPENINGS for m in self._session.marks)

    async def settle(self) -> None:
        """Wait until what fired is resolved, for as long as the file allows since everything was put back."""
        limit = self._session.experiment.block.expect.resolved_within
        undone = self._session.marked("undone")
        if not self._tasks or limit is None or undone is None:
            return
        until = undone.mono_ns + round(limit * 1e9)
        while self._on() and not self._session.marked("resolved") and not self._session.hurried:
            if self._session.clock.monotonic() >= until:
                return
            await self._session.clock.sleep(0.05)

    async def look_back(self) -> None:
        """What the sources themselves wrote down and nobody saw: an alert between two looks, or while a source was away."""
        injected = self._session.marked("injected")
        if injected is None or not self._sources:
            return
        await self._look_once_more()
        from runner.probe.alerts.source import Remembering

        for source in self._sources:
            if isinstance(source, Remembering):
                try:
                    told = await source.history(self._session.started_ns, self._session.clock.monotonic())
                except NOT_UNDERSTOOD as problem:
                    said = f"what {source.name} wrote down meanwhile could not be read: {_why(problem)}"
                    self._session.find("warning", said)
                else:
                    self._take(alerting.unseen(told, self._seen))

    async def _look_once_more(self) -> None:
        """What happened since each source was asked last; one that does not answer now may know what we do not."""
        asked = self._session.clock.monotonic()
        self._ending.set()
        await asyncio.wait(self._tasks, timeout=LAST_S)
        for source in self._sources:
            if (heard := self._heard[id(source)]) < asked:
                since = units.format_duration(round((asked - heard) / 1e9))
                said = f"{source.name} did not answer at the end: what it saw in the last {since} is not known"
                self._session.find("warning", said)

    def conclude(self) -> Alerting | None:
        """What is to be said of the alerts; None where none are watched."""
        if not self._sources:
            return None
        session, expect = self._session, self._session.experiment.block.expect
        stages = tuple(s for s in alerting.PIPELINE if any(s in source.stages for source in self._sources))
        injected = session.marked("injected")
        failures: list[str] = []
        unnotified = ""
        if injected is not None:
            unnotified = self._unnotified(injected.mono_ns, stages)
            failures += self._problems(injected.mono_ns - round(injected.error_s * 1e9))
            failures += self._late("notified", "effective", expect.notified_within, "nobody was notified")
            failures += self._late("resolved", "undone", expect.resolved_within, "no alert was resolved")
        return Alerting(
            sources=tuple(f"{s.name} {d.where}" for s, (_, d) in zip(self._sources, self._asked, strict=True)),
            stages=stages,
            floor=dict(self._floor.parts),
            unnotified=unnotified,
            failures=tuple(failures),
        )

    def _problems(self, injected_ns: int) -> list[str]:
        """Every one is a finding; those that the file names fail the run."""
        expect, failing = self._session.experiment.block.expect, []
        wanted = Wanted(alert=expect.alert, labels=expect.labels, drill=expect.drill)
        hurt = self._session.marked("effective") is not None
        for problem in alerting.problems(self._seen, wanted, injected_ns, hurt=hurt):
            asked = problem.kind in expect.alerts
            self._session.find("error" if asked else "warning", problem.sentence)
            failing += [problem.sentence] if asked else []
        return failing

    def _unnotified(self, injected_ns: int, stages: tuple[str, ...]) -> str:
        undone = self._session.marked("undone")
        fault_s = ((undone.mono_ns if undone else self._session.clock.monotonic()) - injected_ns) / 1e9
        names = [m.name for m in self._session.marks]
        said = alerting.unnotified(names, self._floor, fault_s, listened="notified" in stages) or ""
        if said:
            self._session.find("warning", said)
        return said

    def _late(self, stage: str, origin: str, limit: float | None, never: str) -> list[str]:
        start = self._session.marked(origin)
        if limit is None or start is None or (stage == "resolved" and not self._on()):
            return []
        reached, most = self._session.marked(stage), units.format_duration(limit)
        if reached is None:
            return [f"{never}, expected within {most}"]
        took = max(0.0, (reached.mono_ns - start.mono_ns) / 1e9)
        return [f"{stage} after {units.format_duration(took)}, expected within {most}"] if took > limit else []

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
