"""Notice: before anything is broken others are told what, where, when and how to stop it, and have the time for it."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from runner import clock, errors, units
from runner.engine.options import Notice
from runner.engine.run_context import RunContext
from runner.engine.session import Session
from runner.experiment.experiment import Experiment
from runner.plan.plan import Plan
from runner.rundir.inbox import Inbox
from runner.timeline.event import Name
from runner.timeline.status import Status
from runner.timeline.vocabulary import StopReason

TICK_S = 0.1
UNTOUCHED = "; nothing was injected"
DELIVERY_S = 30.0
"""How much longer than asked for it is waited until somebody was reached."""


@asynccontextmanager
async def given(context: RunContext, notice: Notice, drawn: Plan) -> AsyncIterator[None]:
    """Tell, wait, and then the run; who was told of one that does not come to a change is told that too.

    Raises Interrupted for a stop meanwhile, EnvironmentFailure for a notice that reached nobody.
    """
    session = context.session
    try:
        _tell(session, context.experiment, notice, drawn)
        reached = await _wait(session, notice)
        given_s = units.format_duration(notice.before_s)
        session.find("info", f"notice was delivered {given_s} before, to {', '.join(reached)}")
        yield
    except errors.ChaosRunError as problem:
        if not session.injecting:
            why = problem.message.removesuffix(UNTOUCHED)
            session.tell(Name.NOTICE, state="called off", sentence=why + UNTOUCHED)
        raise


def check(noticed: Plan, drawn: Plan) -> None:
    """Raises Refused where what would happen now is not what others were told."""
    if noticed.hash == drawn.hash:
        return
    before, now = ({t for step in p.steps for t in step.targets} for p in (noticed, drawn))
    gone = [f"gone: {', '.join(sorted(before - now))}"] if before - now else []
    new = [f"new: {', '.join(sorted(now - before))}"] if now - before else []
    raise errors.Refused(
        "targets changed since the notice was sent",
        reasons=gone + new or [f"the plan was {noticed.hash} and is {drawn.hash}"],
        hint="run it again to send a new notice",
    )


def _tell(session: Session, experiment: Experiment, notice: Notice, drawn: Plan) -> None:
    """The run's clock is set to its planned start: what is told until then has a negative `t`."""
    session.started = session.clock.now() + timedelta(seconds=notice.before_s)
    session.started_ns = session.clock.monotonic() + round(notice.before_s * 1e9)
    host = platform.node()
    session.tell(
        Name.NOTICE,
        state="given",
        title=experiment.title,
        experiment=experiment.path,
        service=experiment.block.service,
        context=drawn.context,
        environment=drawn.environment,
        targets=[t for step in drawn.steps for t in step.targets],
        starts_at=clock.rfc3339(session.started),
        before_s=notice.before_s,
        by=f"{units.user()} on {host}",
        stop=f"chaos-run stop {session.run} on {host}",
        plan_hash=drawn.hash,
    )


async def _wait(session: Session, notice: Notice) -> tuple[str, ...]:
    """Until the planned start, and a little longer for a notice that is still under way. Returns whom it reached, by name."""
    inbox, before_s = Inbox(session.folder), notice.before_s
    while (left_s := (session.started_ns - session.clock.monotonic()) / 1e9) > -DELIVERY_S:
        _listen(session, inbox)
        if session.stop.done():
            raise errors.Interrupted(session.stop.result().sentence + UNTOUCHED)
        reached = notice.reached()
        if reached == () or (reached and left_s <= 0):
            break
        session.view.tick(Status(phase="notice", elapsed_s=before_s - left_s, planned_s=before_s, t=-left_s))
        await session.clock.sleep(min(TICK_S, left_s) if left_s > 0 else TICK_S)
    if not reached:
        raise errors.EnvironmentFailure("the notice could not be delivered to any channel; nothing was injected")
    return reached


def _listen(session: Session, inbox: Inbox) -> None:
    for message in inbox.poll():
        if message.get("kind") == "stop":
            why = f": {message['reason']}" if message.get("reason") else ""
            session.end_early(StopReason.PERSON, f"stopped by {message.get('by') or 'somebody'}{why}")
