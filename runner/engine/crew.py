"""The crew of one run: worker, undoer and prober, the watch over them, and the world as it was before."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from runner.engine.execute import left_in_place
from runner.engine.execute.progress import Known
from runner.engine.execute.silencing import Silencing
from runner.engine.observe.sources import Sources
from runner.engine.observe.traffic import Traffic
from runner.engine.options import Options
from runner.engine.preflight import target_environment
from runner.engine.preflight.target_environment import Surroundings
from runner.engine.session import Session
from runner.engine.supervisor import Supervisor
from runner.experiment import tree
from runner.faults import host, registry
from runner.faults.driver import Inspection
from runner.plan import translate
from runner.process import ports
from runner.process.channel import carried
from runner.rundir import paths, start_message
from runner.rundir.ledger import DRILL, ROLLBACK, SILENCE, Ledger, UndoRecord
from runner.rundir.start_message import Kept, StartMessage
from runner.safety import policy

if TYPE_CHECKING:
    from runner.engine.execute.method import Method
    from runner.engine.observe.detection import Detecting
    from runner.engine.observe.watch import Watch
    from runner.slo.counts import Point
    from runner.slo.sample import Sample
    from runner.slo.series import Series
    from runner.timeline.way_back import WayBack


class Crew:
    """Everything that lives as long as the run."""

    def __init__(self, session: Session, options: Options, where: Surroundings) -> None:
        self.session = session
        self.where = where
        self.start = start_message_of(session, options, where)
        alone = {paths.VARIABLE: paths.store_url(options.store)}  # its password stays out of the files
        self.supervisor = Supervisor(self.start, where.env, where.lifeline, alone)
        self.traffic = Traffic(session, session.experiment.block.traffic, where.around)
        self.objectives = translate.objectives(session.experiment)
        self.sources = Sources(session, self.objectives)
        self.series: dict[str, Series] = {**self.traffic.series, **self.sources.series}
        self.known = Known()
        self.ledger = Ledger(session.folder)
        self.silencing = Silencing(session, self.supervisor, self.ledger)
        self.world = Inspection()
        self.kept = Kept()
        """What of the run's changes the file wants to stay."""
        self.clean = True
        """Whether the undo left nothing open."""
        self.residue: list[str] = []
        self.cleared: list[str] = []
        """The evidence that nothing of the run is left, where a system gives some."""
        asked = session.experiment.block.undo == "required"
        self._undo_required = asked or policy.requires_undo(where.environment)
        self.left: list[str] = []
        """What will not be put back because the file says so, a sentence each."""
        self._ready = False
        self._watching: asyncio.Task[None] | None = None
        self._listened: asyncio.Task[frozenset[str]] | None = None
        self._looking: asyncio.Task[list[str]] | None = None

    @classmethod
    @asynccontextmanager
    async def assembled(cls, session: Session, options: Options, where: Surroundings) -> AsyncIterator[Self]:
        """Start the processes; they import while the plan is drawn, and are ended whatever happens."""
        crew = cls(session, options, where)
        start_message.save(crew.start, durable=False)
        opening = asyncio.create_task(crew.traffic.open(where.lifeline))
        await crew.supervisor.open()
        try:
            await opening  # here, so that a prober that cannot start leaves no worker and undoer waiting for us
            crew.note_processes()
            yield crew
        finally:
            await crew._disband()

    async def ready(self) -> None:
        """Wait for worker and undoer; at once the second time. Raises EnvironmentFailure."""
        if not self._ready:
            await self.supervisor.ready()
            self.session.mask = self.supervisor.mask
            self.start = replace(self.start, configuration=self.supervisor.configuration)
            self._ready = True

    def see(self, found: Inspection) -> None:
        """Keep what was found before the first change, with the way back that the file wants."""
        experiment = self.session.experiment
        actions = left_in_place.intended(experiment, found.actions)
        self.world, self.kept = replace(found, actions=actions), left_in_place.kept(experiment, actions)
        self.left = left_in_place.promised(experiment, actions)
        if experiment.runtime.rollbacks == "never":
            left_out = left_in_place.steps(experiment, actions)
            self.start = replace(self.start, unplayed=left_in_place.unplayed("never", left_out))
        self.known.aim(actions)

    @cached_property
    def way_back(self) -> WayBack:
        """Whether all was put back: until the undo, nothing had to be."""
        from runner.timeline import way_back

        return way_back.told(acted=False, done=0, failed=(), residue=())

    @cached_property
    def detecting(self) -> Detecting:
        """Imported when it is wanted, like watch and method: whoever waits for the first request need not wait for them."""
        from runner.engine.observe.detection import Detecting

        return Detecting(self.session)

    @cached_property
    def watch(self) -> Watch:
        """Every 50 ms from the baseline on."""
        from runner.engine.observe.watch import Watch

        guards = translate.guards(self.session.experiment)
        return Watch(self.session, self.traffic, self.series, self.objectives, guards, self.known)

    @cached_property
    def method(self) -> Method:
        """What it is aimed at has been seen by then."""
        from runner.engine.execute.method import Method

        return Method(self.session, self.supervisor, self.world.actions, self.known)

    def hold(self, locks: Mapping[str, Sequence[str]]) -> None:
        """Persist the locks and the state before the run, so that a surviving process can release and compare them."""
        from runner.undo import assessment

        actions = self.world.actions
        self.start = replace(
            self.start,
            snapshots=self.world.snapshots,
            kept=self.kept,
            owners={a.action: assessment.owner(a) for a in actions},
            unseeable=tuple(a.action for a in actions if not a.visible),
            locks={system: tuple(names) for system, names in locks.items()},
        )
        self._keep(durable=False)

    def _keep(self, *, durable: bool) -> None:
        start_message.save(self.start, durable=durable, hide=self.supervisor.hidden)

    def promise(self) -> None:
        """Write every undo record before the first change: ours first, so that the file's own rollbacks are played before them.

        None where the file wants none: a dry run changes nothing, and some rollbacks are never played.
        """
        runtime = self.session.experiment.runtime
        if not runtime.acts or runtime.rollbacks == "never":
            return
        for step in (step for found in self.world.actions for step in found.undo):
            self.ledger.open(step.kind, step.what, **step.args)
        for index, rollback in reversed(list(enumerate(self.session.experiment.rollbacks))):
            name = str(rollback.get("name") or rollback.get("ref"))
            if foreign := self.world.withheld.get(str(index)):
                self.session.find("warning", f"the rollback {name!r} is skipped: {foreign}")
            else:
                self.ledger.open(ROLLBACK, name, index=index)

    def leave(self, records: Sequence[UndoRecord], wish: str) -> None:
        """These are not put back, as the file wishes. What the file's own rollbacks would have changed is not known: anything."""
        if records:
            own = not any(record.kind == ROLLBACK for record in records)
            names = [*(self.kept.names or ()), *(left_in_place.concerns(r.kind, r.args) for r in records)]
            self.kept = replace(self.kept, names=tuple(names) if own else None)
            unplayed = left_in_place.unplayed(wish, [record.what for record in records])
            self.start = replace(self.start, unplayed=unplayed)

    def start_watching(self) -> None:
        """From now on the watch ticks; where its tapes are is on disk, for the record of whoever survives us."""
        self.sources.start()
        indicators = (*self.traffic.indicators(), *self.sources.indicators())
        self.start = replace(self.start, indicators=indicators)
        self._keep(durable=True)
        self._watching = asyncio.create_task(self.watch.run())
        if self._starts_programs():
            self._listened = asyncio.create_task(asyncio.to_thread(ports.now))

    def _starts_programs(self) -> bool:
        """Whether an action of the method could start anything on this machine."""
        return any(map(host.runs_anything, tree.providers(list(self.session.experiment.actions))))

    def look_for_listeners(self) -> None:
        """Begin the look at this machine's ports; the recovery need not wait for it."""
        self._looking = asyncio.create_task(self._new_listeners())

    async def tell_listeners(self) -> None:
        """Ports that somebody listens on since the baseline, a finding each."""
        for port in await self._looking if self._looking else ():
            self.session.find("info", port)

    async def _new_listeners(self) -> list[str]:
        if self._listened is None:
            return []
        since = self.session.wall(self.session.started_ns).timestamp()
        return await asyncio.to_thread(ports.new, await self._listened, since)

    def seen(self) -> dict[str, Sequence[Sample] | Sequence[Point]]:
        """What was measured, by indicator: requests of ours, or what sources counted."""
        return {**self.traffic.samples, **{name: s.points for name, s in self.sources.series.items()}}

    def undo_missing(self) -> list[str]:
        """Actions without an undo that fail the run: neither declared to stay nor accepted by name, where one is asked for."""
        accepted = self.session.experiment.block.accept_no_undo
        return [n for n in self.way_back.no_undo if self._undo_required and n not in accepted]

    def note_processes(self) -> None:
        """Who belongs to the run, on disk."""
        children = {
            c.name: {"pid": c.pid, "create_time": c.created} for c in (self.supervisor.worker, self.supervisor.undoer)
        }
        prober = self.traffic.prober
        if prober is not None:
            children["prober"] = {"pid": prober.pid, "create_time": prober.created}
        self.session.note_processes(**children)

    async def _disband(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        await asyncio.gather(
            self.supervisor.close(), self.traffic.close(), self.sources.close(), self.detecting.close()
        )


def start_message_of(session: Session, options: Options, where: Surroundings) -> StartMessage:
    """What worker, undoer and a later replay need; secret variables are for the pipes only."""
    experiment = session.experiment
    kinds = [DRILL] * bool(experiment.block.announce) + [SILENCE] * bool(experiment.block.silence)
    return StartMessage(
        run=session.run,
        folder=str(session.folder),
        title=experiment.title,
        experiment=experiment.path,
        experiment_hash=experiment.digest,
        service=experiment.block.service,
        document=experiment.document,
        variables=options.variables,
        configuration=carried(experiment.configuration),
        secret_variables=options.secret_variables,
        modules=tuple(target_environment.modules(experiment.document)),
        undoes_with=tuple(registry.imports(kinds)),
        strategy=experiment.runtime.hypothesis if experiment.runtime.asks else "skip",
        dry=experiment.runtime.dry,
        rollbacks=experiment.runtime.rollbacks,
        settings=experiment.settings.path,
        hooked=experiment.has_controls,
        reveal=tuple(sorted(set(experiment.vaulted.values()))),
        proofs={p.action: p.probe for p in experiment.block.proof},
        frequency=experiment.block.hypothesis.frequency,
        context=where.context,
        env=where.env,
        handed=where.handed,
        namespace=where.namespace,
        cwd=str(Path.cwd()),
        afterwards=tuple(options.afterwards),
        gameday=options.gameday,
        stays=tuple(experiment.block.stays),
        playground=where.playground,
        started_at=session.started,
        started_mono_ns=session.started_ns,
    )
