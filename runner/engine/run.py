"""The run, read aloud."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

from runner import clock, errors, files
from runner.engine import stop
from runner.engine.crew import Crew, start_message_of
from runner.engine.options import NullView, Options, View
from runner.engine.preflight import admission, baseline, target_environment
from runner.engine.preflight.target_environment import Surroundings
from runner.engine.session import Session, unwritable
from runner.experiment import load
from runner.experiment.experiment import Experiment
from runner.plan.plan import Plan
from runner.rundir import paths, start_message
from runner.store import undelivered

if TYPE_CHECKING:
    from runner.engine.shared_presence import Team
    from runner.timeline.record import RunRecord


async def run(options: Options, view: View, time: clock.Clock | None = None) -> RunRecord:
    """One experiment from file to record. Raises ChaosRunError only while nothing has been injected."""
    experiment = _load(options)
    _check_store(options)
    admission.recover_unfinished()
    session = Session(experiment, paths.runs_dir(), view, time or clock.SystemClock())
    try:
        with _on_disk(session), stop.interruptions(session, last=options.last), view:
            async with (
                target_environment.prepare(options, experiment.document, session.folder) as where,
                _shared(session, options) as mates,
                _noticed(session, options, where) as noticed,
            ):
                return await _run(session, options, where, noticed, mates)
    except errors.ChaosRunError:
        # There is nothing to remember; else the next start finds what is open here.
        if session.untouched:
            session.forget()
            undelivered.release(session.run)
        raise
    finally:
        session.leave()


@contextmanager
def _on_disk(session: Session) -> Iterator[None]:
    """A full or read-only disk before anything is injected is the surroundings' fault, and said as such."""
    try:
        yield
    except OSError as problem:
        if not session.untouched or problem.errno not in (*files.FULL, errno.EROFS):
            raise
        raise unwritable(problem, session.folder.parent) from problem


def _check_store(options: Options) -> None:
    """A record that cannot be opened is known before anything is broken. The default one is ours and needs no look."""
    if paths.shared(options.store):
        from runner.store import Store

        Store.open(options.store).close()


@asynccontextmanager
async def _shared(session: Session, options: Options) -> AsyncIterator[Team | None]:
    """The run as others see it on a record that they share; None where there is no such record."""
    url = paths.shared(options.store)
    if url is None:
        yield None
        return
    from runner.engine import shared_presence

    async with shared_presence.joined(session, url) as mates:
        yield mates


@asynccontextmanager
async def _noticed(session: Session, options: Options, where: Surroundings) -> AsyncIterator[Plan | None]:
    """The plan that others were told of before, where that was asked for; drawn by a crew of its own, for it may be a long wait."""
    if options.notice is None:
        yield None
        return
    from runner.engine.preflight import notice

    aside = Session(session.experiment, paths.runs_dir(), NullView(), session.clock)
    try:
        drawn = await stop.unless_stopped(session, _drawn(aside, options, where, cleared=True))
    finally:
        aside.leave()
        aside.forget()
    start_message.save(start_message_of(session, options, where), durable=False)  # should we die while we wait
    async with notice.given(session, options.notice, drawn):
        yield drawn


async def _run(
    session: Session, options: Options, where: Surroundings, noticed: Plan | None, mates: Team | None
) -> RunRecord:
    session.experiment = _localised(session.experiment, options, where)
    target_environment.require_home(where, session.experiment)
    target_environment.require_cleared(where, session.experiment)
    where = target_environment.cleared(where, session.experiment)
    if where.note:
        session.find("warning", where.note)
    async with Crew.assembled(session, options, where) as crew:
        plan = await stop.unless_stopped(session, admission.draw(session, crew))
        admission.clear(crew, plan)
        if noticed:
            from runner.engine.preflight import notice

            notice.check(noticed, plan)
        async with admission.locked(session, crew, plan, mates):
            undelivered.hold(session.run, options.store)  # from here on it is missed, whoever dies
            baseline.announce(session, crew, plan)
            holds = await baseline.holds(session, crew)
            from runner.engine.conclude import judge, recovery
            from runner.engine.execute import stages  # imported while the baseline waited

            if holds:
                try:
                    await stages.inject(session, crew)
                finally:  # whatever broke, us included
                    await stages.undo(session, crew)
                await crew.method.conclude()
                await recovery.recover(session, crew)
            record = await judge.conclude(session, crew, plan, options)
    return judge.publish(session, record, crew, plan, options)


async def plan(options: Options, time: clock.Clock | None = None) -> Plan:
    """The same up to the first change, without any. Raises ChaosRunError."""
    experiment = _load(options)
    session = Session(experiment, paths.runs_dir(), NullView(), time or clock.SystemClock())
    try:
        with _on_disk(session):
            async with target_environment.prepare(options, experiment.document, session.folder) as where:
                return await _drawn(session, options, where)
    finally:
        session.leave()
        session.forget()


async def _drawn(session: Session, options: Options, where: Surroundings, *, cleared: bool = False) -> Plan:
    """The plan of a session that ends with it; `cleared`: by the policy too."""
    session.experiment = _localised(session.experiment, options, where)
    target_environment.require_home(where, session.experiment)
    target_environment.require_cleared(where, session.experiment)
    where = target_environment.cleared(where, session.experiment)
    async with Crew.assembled(session, options, where) as crew:
        plan = await admission.draw(session, crew)
        if cleared:
            admission.clear(crew, plan)
        return plan


def _localised(experiment: Experiment, options: Options, where: Surroundings) -> Experiment:
    """The experiment with the addresses of its surroundings (a playground's URLs) in its variables."""
    return _load(options, where.env) if where.context or options.namespace else experiment


def _load(options: Options, env: Mapping[str, str] = MappingProxyType({})) -> Experiment:
    """Raises InvalidFile with every finding."""
    return load.load(
        options.path,
        variables=options.variables,
        secret_variables=options.secret_variables,
        env={**os.environ, **env},
        settings=options.settings,
    )
