"""The run, read aloud: each line is a stage, and takes the values of those before it."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from runner import clock, errors, files
from runner.engine import processes, signals
from runner.engine.execute.silencing import Silencing
from runner.engine.observe.observers import Observers
from runner.engine.options import NullView, Options, View
from runner.engine.preflight import admission, baseline, loading, target_environment
from runner.engine.run_context import RunContext
from runner.engine.session import Session, unwritable
from runner.plan.plan import Plan
from runner.rundir import paths, start_message
from runner.store import undelivered

if TYPE_CHECKING:
    from runner.engine.shared_presence import Team
    from runner.timeline.record import RunRecord


async def run(options: Options, view: View, time: clock.Clock | None = None) -> RunRecord:
    """One experiment from file to record. Raises ChaosRunError only while nothing has been injected."""
    experiment = loading.read(options)
    if options.seed is None:
        options = replace(options, seed=int.from_bytes(os.urandom(4)) >> 1)
    _check_store(options)
    admission.recover_unfinished()
    session = Session(paths.runs_dir(), view, time or clock.SystemClock())
    try:
        with _on_disk(session), signals.interruptions(session, last=options.last), view:
            async with (
                target_environment.prepare(options, experiment.document, session.folder) as where,
                _shared(session, options) as mates,
            ):
                context = loading.complete(session, options, experiment, where)
                async with _noticed(context) as noticed:
                    return await _run(context, noticed, mates)
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
async def _noticed(context: RunContext) -> AsyncIterator[Plan | None]:
    """The plan that others were told of before, where that was asked for; drawn by processes of its own, for it may be a long wait."""
    session, asked = context.session, context.options.notice
    if asked is None:
        yield None
        return
    from runner.engine.preflight import notice

    aside = Session(paths.runs_dir(), NullView(), session.clock)
    try:
        drawn = await signals.unless_stopped(session, _drawn(replace(context, session=aside), cleared=True))
    finally:
        aside.leave()
        aside.forget()
    start_message.save(processes.start_message_of(context), durable=False)  # should we die while we wait
    async with notice.given(context, asked, drawn):
        yield drawn


async def _run(context: RunContext, noticed: Plan | None, mates: Team | None) -> RunRecord:
    session = context.session
    if context.where.note:
        session.find("warning", context.where.note)
    observers = Observers(context)
    async with processes.started(context, observers) as children:
        plan, targets = await signals.unless_stopped(session, admission.draw(context, children, observers))
        admission.clear(context, plan, targets)
        if noticed:
            from runner.engine.preflight import notice

            notice.check(noticed, plan)
        async with admission.locked(context, children, plan, targets, mates):
            undelivered.hold(session.run, context.options.store)  # from here on it is missed, whoever dies
            baseline.announce(context, plan)
            silencing = Silencing(session, context.experiment, children.supervisor)
            holds = await baseline.holds(context, children, observers, targets, silencing)
            from runner.engine.conclude import build_record, publish, recovery
            from runner.engine.execute import inject_and_undo  # imported while the baseline waited
            from runner.engine.execute.method import Method

            method = Method(session, context.experiment, children.supervisor, targets.actions, observers.progress)
            outcome = inject_and_undo.UndoOutcome()
            if holds:
                try:
                    await inject_and_undo.inject(context, observers, targets, silencing, method)
                finally:  # whatever broke, us included
                    outcome = await inject_and_undo.undo(context, children, observers, targets, method)
                await method.conclude()
                await recovery.recover(context, children, observers, method)
            record = await build_record.conclude(context, observers, method, outcome, plan)
    return publish.publish(context, observers, method, record, plan)


async def plan(options: Options, time: clock.Clock | None = None) -> Plan:
    """The same up to the first change, without any. Raises ChaosRunError."""
    experiment = loading.read(options)
    session = Session(paths.runs_dir(), NullView(), time or clock.SystemClock())
    try:
        with _on_disk(session):
            async with target_environment.prepare(options, experiment.document, session.folder) as where:
                return await _drawn(loading.complete(session, options, experiment, where))
    finally:
        session.leave()
        session.forget()


async def _drawn(context: RunContext, *, cleared: bool = False) -> Plan:
    """The plan of a session that ends with it; `cleared`: by the policy too."""
    observers = Observers(context)
    async with processes.started(context, observers) as children:
        plan, targets = await admission.draw(context, children, observers)
        if cleared:
            admission.clear(context, plan, targets)
        return plan
