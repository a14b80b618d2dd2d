"""Before the first change: recover what dead runs left, draw the plan, ask the policy, take the locks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from runner import errors
from runner import plan as plans
from runner.engine.crew import Crew
from runner.engine.preflight import proxied
from runner.engine.session import Session
from runner.experiment import variables
from runner.faults.driver import Inspection, Owner, unknown
from runner.plan import translate
from runner.plan.plan import Plan
from runner.rundir import paths
from runner.safety import lock, policy
from runner.slo import power
from runner.timeline.vocabulary import StopReason
from runner.undo import pending

if TYPE_CHECKING:
    from runner.engine.shared_presence import Team

RENEW_S = 15.0


def recover_unfinished() -> None:
    """Every start puts back first what a dead runner left. Raises Refused when that fails."""
    left = [run for run in pending.find(paths.runs_dir()) if not pending.recover(run)]
    if left:
        raise errors.Refused(
            "an earlier run left a fault in place that could not be undone",
            reasons=[f"{run.run} on {run.context or 'no cluster'}: {', '.join(run.outstanding)}" for run in left],
            hint="fix the cause, then run: chaos-run recover (or, if you undid it yourself: chaos-run recover --by-hand RUN --reason …)",
        )


async def draw(session: Session, crew: Crew) -> Plan:
    """Resolve every target with the client that strikes, and say what will happen. Raises EnvironmentFailure."""
    document = session.experiment.document
    if missing := variables.unset(document, session.experiment.configuration):
        raise errors.EnvironmentFailure("; ".join(missing.values()), hint="nothing was injected")
    if variables.asks_probes(document):  # what they tell is known before anybody waits for a baseline
        await crew.ready()
    if crew.where.context or session.experiment.block.proof:
        await crew.ready()
        crew.see(await _inspect(crew))
    else:  # nothing to resolve: worker and undoer may still be importing
        owner = Owner.UNDOER if session.experiment.rollbacks else Owner.NOBODY
        actions = [replace(unknown(a["name"]), owner=owner) for a in session.experiment.actions]
        crew.see(Inspection(actions=tuple(actions)))
    method_s = plans.plan.method_seconds(session.experiment)
    await _unlock(session, crew)
    await crew.sources.open(method_s + session.experiment.block.windows.stable)
    return plans.draw(
        session.experiment,
        context=crew.where.said,
        environment=crew.where.environment,
        actions=crew.world.actions,
        left=crew.left,
        standing=(*crew.sources.standing, *_widened(crew)),
        locks=[name for names in crew.world.locks.values() for name in names],
        notes=(
            *((crew.where.note,) if crew.where.note else ()),
            *(
                f"the action {name!r} strikes {where}, which the file accepts"
                for name, where in crew.where.beside.items()
            ),
            *proxied.notes(session.experiment, crew.where.around),
            *await _hidden(crew),
        ),
    )


async def _unlock(session: Session, crew: Crew) -> None:
    """Hand the sources what only a vault knows: read by Chaos Toolkit, in the worker. Raises EnvironmentFailure."""
    if not (vaulted := session.experiment.vaulted):
        return
    await crew.ready()
    access = dict(session.experiment.access)
    for whose, group in vaulted.items():
        found = crew.supervisor.revealed.get(group)
        if not isinstance(found, Mapping) or not found:
            raise errors.EnvironmentFailure(f"the vault has nothing for the secrets {group!r}: nothing was injected")
        access[whose] = found
    session.experiment = replace(session.experiment, access=access)


def _widened(crew: Crew) -> list[str]:
    """Guards whose windows are longer than the file says."""
    guards, named = translate.guards(crew.session.experiment), {o.name: o for o in crew.objectives}
    rates = {name: series.rate for name, series in crew.series.items()}
    return power.widened(guards, named, rates, chosen=crew.traffic.series)


async def _inspect(crew: Crew) -> Inspection:
    context = crew.where.context
    try:
        found = await crew.supervisor.inspect()
    except errors.EnvironmentFailure as problem:
        where = f"the cluster of context {context!r}" if context else "the targets"
        why = problem.message.removeprefix("inspect: ")
        raise errors.EnvironmentFailure(f"cannot look at {where}: {why}") from None
    if found.refused:
        raise errors.Refused("the safety policy refuses this run", reasons=found.refused)
    return found


async def _hidden(crew: Crew) -> list[str]:
    """What traffic whose connections are all kept alive cannot see."""
    kept = [s.name for s in crew.traffic.streams if s.new_connections is False]
    targets = sorted({target for a in crew.world.actions for target in a.targets})
    if not kept or not targets or any(s.new_connections for s in crew.traffic.streams):
        return []
    try:
        services = await crew.supervisor.services(targets)
    except errors.EnvironmentFailure:
        return []
    if not services:
        return []
    return [
        f"{', '.join(kept)}: all connections are kept alive, and the targets stand behind the Service {', '.join(services)}: whoever "
        "comes anew may be sent to a pod that is gone, and nobody would see it; leave `new_connections: false` out"
    ]


def clear(crew: Crew, drawn: Plan) -> None:
    """Raises Refused with everything that speaks against the run."""
    block, where = crew.session.experiment.block, crew.where.environment
    clearance = policy.judge_faults(
        policy.PolicyRequest(environment=where, actions=crew.world.actions, accept_no_undo=block.accept_no_undo)
    )
    reasons = (*clearance.reasons, *drawn.refusals)
    policy.Clearance(environment=clearance.environment, reasons=reasons).require()


@asynccontextmanager
async def locked(session: Session, crew: Crew, drawn: Plan, team: Team | None) -> AsyncIterator[None]:
    """Hold this machine's lock, the shared record's and the cluster's leases. Raises Refused, naming the holder."""
    with lock.held(paths.state_dir() / "locks", _parts(session, crew, drawn), session.run):
        if pending.find(paths.runs_dir()):  # its last holder may have died since we looked
            await asyncio.to_thread(recover_unfinished)
        if team:
            await team.claim(_scopes(crew, drawn))
        held = {system: await _acquire(session, crew, system, names) for system, names in crew.world.locks.items()}
        crew.hold(held)
        renewing = asyncio.create_task(_renew(session, crew, held))
        try:
            yield
        finally:
            renewing.cancel()
            for system, names in held.items():
                try:
                    await crew.supervisor.release(system, names)
                except errors.EnvironmentFailure as problem:  # it runs out by itself, and what happened still counts
                    session.find("warning", f"the lock in the cluster was not released: {problem.message}")
            if team:
                await team.release()


def _parts(session: Session, crew: Crew, drawn: Plan) -> dict[str, bool]:
    """What this run must have on this machine, and whether for itself alone: a program could strike any part of its cluster."""
    parts = {f"{drawn.context}: {part}": True for part in drawn.locks or (session.experiment.block.service,)}
    return {f"{drawn.context} as a whole": crew.world.unsure} | parts if crew.where.context else parts


def _scopes(crew: Crew, drawn: Plan) -> list[str]:
    """What this run must have for itself among all machines of a team: the same as on this one, by names that all have in common."""
    name = crew.where.shared_name
    return [f"{name}: {part}" for part in drawn.locks or (crew.session.experiment.block.service,)] if name else []


async def _acquire(session: Session, crew: Crew, system: str, names: Sequence[str]) -> list[str]:
    answers = await crew.supervisor.acquire(system, names) if names else ()
    held = [name for name, answer in zip(names, answers, strict=True) if answer.held]
    for name, answer in zip(names, answers, strict=True):
        if answer.held is False:
            await crew.supervisor.release(system, held)
            raise errors.Refused(
                f"another run has this target (lease {name})",
                reasons=[f"held by {answer.holder} since {answer.since}"],
                hint="wait for it, or end it with: chaos-run stop",
            )
        if answer.held is None:
            session.find(
                "warning",
                f"no lock in the cluster ({name}): {answer.error}; only this machine's lock protects the target",
            )
    return held


async def _renew(session: Session, crew: Crew, held: Mapping[str, Sequence[str]]) -> None:
    """A lock that we lost means that somebody else may be at work on the same target: stop."""
    while any(held.values()):
        await session.clock.sleep(RENEW_S)
        for system, names in held.items():
            try:
                ours = await crew.supervisor.renew(system, names)
            except errors.EnvironmentFailure:
                continue  # an API server that was hit itself; the lock outlives four such misses
            if not ours:
                session.end_early(StopReason.RUNNER, "the lock in the cluster was taken over by another run")
                return
