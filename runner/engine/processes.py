"""Worker and undoer of one run, and the start message on disk by which a process that survives all of us can still undo.

The message grows: what is learnt before the first change (targets, locks, where samples are) is written into it before that change,
and handed to every process that is started later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.engine.run_context import RunContext
from runner.engine.supervisor import Supervisor
from runner.faults import registry
from runner.process.channel import carried
from runner.process.child import Child
from runner.rundir import paths, start_message
from runner.rundir.ledger import DRILL, SILENCE
from runner.rundir.start_message import StartMessage, WaitFor

if TYPE_CHECKING:
    from runner.engine.observe.observers import Observers


class Processes:
    """Mutable, one a run; `start` is the message as it stands."""

    def __init__(self, context: RunContext) -> None:
        self.start = start_message_of(context)
        alone = {paths.VARIABLE: paths.store_url(context.options.store)}  # its password stays out of the files
        self.supervisor = Supervisor(self.start, context.where.env, context.where.lifeline, alone)
        self._session = context.session
        self._ready = False

    async def ready(self) -> None:
        """Wait for worker and undoer; at once the second time. Raises EnvironmentFailure."""
        if not self._ready:
            await self.supervisor.ready()
            self._session.mask = self.supervisor.mask
            self.start = replace(self.start, configuration=self.supervisor.configuration)
            self._ready = True

    def learn(self, **learnt: Any) -> None:
        """Fields of the start message that are known by now."""
        self.start = replace(self.start, **learnt)

    def persist(self, *, durable: bool) -> None:
        """Write the start message without its secrets: a surviving process undoes, releases and judges by it."""
        start_message.save(self.start, durable=durable, hide=self.supervisor.hidden)


@asynccontextmanager
async def started(context: RunContext, observers: Observers) -> AsyncIterator[Processes]:
    """Start worker, undoer and prober; they import while the plan is drawn, and are ended whatever happens."""
    processes = Processes(context)
    processes.persist(durable=False)
    opening = asyncio.create_task(observers.traffic.open(context.where.lifeline))
    await processes.supervisor.open()
    try:
        await opening  # here, so that a prober that cannot start leaves no worker and undoer waiting for us
        _note_children(context, processes, observers)
        yield processes
    finally:
        await observers.stop_watching()
        await asyncio.gather(processes.supervisor.close(), observers.close())


def _note_children(context: RunContext, processes: Processes, observers: Observers) -> None:
    """Who belongs to the run, on disk."""
    supervisor, prober = processes.supervisor, observers.traffic.prober
    children: list[Child[Any, Any]] = [supervisor.worker, supervisor.undoer, *([prober] if prober else [])]
    context.session.note_processes(**{c.name: {"pid": c.pid, "create_time": c.created} for c in children})


def start_message_of(context: RunContext) -> StartMessage:
    """What worker, undoer and a later replay need; secret variables are for the pipes only."""
    session, options, experiment, where = context.session, context.options, context.experiment, context.where
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
        modules=tuple(modules(experiment.document)),
        undoes_with=tuple(registry.imports(kinds)),
        strategy=context.strategy,
        dry=experiment.runtime.dry,
        rollbacks=experiment.runtime.rollbacks,
        settings=experiment.settings.path,
        hooked=experiment.has_controls,
        reveal=tuple(sorted(set(experiment.vaulted.values()))),
        seed=options.seed,
        pins=options.pins,
        waits=tuple(
            WaitFor(after=w.after, probe=w.probe, within_s=w.within, every_s=w.every) for w in experiment.block.wait_for
        ),
        proofs={p.action: p.probe for p in experiment.block.proof},
        frequency=experiment.block.hypothesis.frequency,
        context=where.context,
        env=where.env,
        handed=where.handed,
        namespace=where.namespace,
        cwd=str(Path.cwd()),
        afterwards=tuple(options.afterwards),
        gameday=options.gameday,
        labels=dict(options.labels),
        asked=options.asked,
        stays=tuple(experiment.block.stays),
        playground=where.playground,
        started_at=session.started,
        started_mono_ns=session.started_ns,
    )


def modules(document: Mapping[str, Any]) -> list[str]:
    """The Python modules of all activities, controls left out: imported ahead by worker and undoer."""
    hypothesis = (document.get("steady-state-hypothesis") or {}).get("probes") or []
    activities = [*hypothesis, *(document.get("method") or []), *(document.get("rollbacks") or [])]
    named = [(a.get("provider") or {}).get("module") for a in activities if isinstance(a, Mapping)]
    return list(dict.fromkeys(m for m in named if isinstance(m, str)))
