"""Before the first change: recover what dead runs left, draw the plan, ask the policy, take the locks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from runner import errors
from runner import plan as plans
from runner.engine.observe.observers import Observers
from runner.engine.preflight import left_in_place, proxied, target_environment
from runner.engine.processes import Processes
from runner.engine.run_context import RunContext
from runner.engine.session import Session
from runner.engine.supervisor import Supervisor
from runner.experiment import tree, variables
from runner.experiment.experiment import Experiment
from runner.faults import host, registry
from runner.faults.driver import FaultTarget, Inspection, Owner, unknown
from runner.plan import translate
from runner.plan.plan import Plan
from runner.rundir import paths
from runner.rundir.start_message import Kept
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


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What was found before the first change, with the way back that the file wants."""

    inspection: Inspection
    kept: Kept
    """What of the run's changes the file wants to stay."""
    left: tuple[str, ...]
    """What will not be put back because the file says so, a sentence each."""

    @property
    def actions(self) -> tuple[FaultTarget, ...]:
        return self.inspection.actions


async def draw(context: RunContext, processes: Processes, observers: Observers) -> tuple[Plan, Targets]:
    """Resolve every target with the client that strikes, and say what will happen. Raises EnvironmentFailure."""
    experiment, where = context.experiment, context.where
    if missing := variables.unset(experiment.document, experiment.configuration):
        raise errors.EnvironmentFailure("; ".join(missing.values()), hint="nothing was injected")
    if variables.asks_probes(experiment.document):  # what they tell is known before anybody waits for a baseline
        await processes.ready()
    targets = _with_wishes(experiment, await _inspection(context, processes))
    require_pinned(context.options.pins, targets.actions)
    if experiment.runtime.rollbacks == "never":
        left_out = left_in_place.steps(experiment, targets.actions)
        processes.learn(unplayed=left_in_place.unplayed("never", left_out))
    observers.progress.note_targets(targets.actions)
    observers.access = await _read_vault(experiment, processes)
    method_s = plans.plan.method_seconds(experiment)
    await observers.sources.open(method_s + experiment.block.windows.stable, observers.access)
    await observers.checks.open(observers.access)
    drawn = plans.draw(
        experiment,
        context=where.said,
        environment=where.environment,
        actions=targets.actions,
        left=targets.left,
        standing=(*observers.sources.standing, *observers.checks.standing, *_widened(experiment, observers)),
        locks=[name for names in targets.inspection.locks.values() for name in names],
        notes=(
            *((where.note,) if where.note else ()),
            *(f"the action {name!r} strikes {struck}, which the file accepts" for name, struck in where.beside.items()),
            *targets.inspection.unlocked,
            *proxied.notes(experiment, where.around),
            *await _hidden(targets, processes, observers),
        ),
    )
    if context.options.repeats:
        from runner.engine.preflight import repeated

        drawn = repeated.compared(context.options, experiment, where.context, drawn)
    return drawn, targets


def require_pinned(pins: Sequence[str], actions: Sequence[FaultTarget]) -> None:
    """Each target that a person has named is hit by an action, which then hits none besides. Raises UsageError."""
    hit = {target for a in actions if a.pinned for target in a.targets}
    if missed := [pin for pin in pins if pin not in hit]:
        candidates = ", ".join(dict.fromkeys(t for a in actions for t in a.targets)) or "none that is known beforehand"
        raise errors.UsageError(
            f"no action of the method can be aimed at {', '.join(missed)}", hint=f"targets of the plan: {candidates}"
        )


async def _inspection(context: RunContext, processes: Processes) -> Inspection:
    experiment = context.experiment
    known = registry.knows_any(tree.providers(experiment.document))
    if (
        known
        or context.where.context
        or experiment.block.proof
        or target_environment.depends_on_later_values(experiment)
    ):
        await processes.ready()
        return await _inspect(context.where.context, processes)
    # nothing to resolve: worker and undoer may still be importing
    owner = Owner.UNDOER if host.undoes(experiment.rollbacks) else Owner.NOBODY
    return Inspection(actions=tuple(replace(unknown(a["name"]), owner=owner) for a in experiment.actions))


def _with_wishes(experiment: Experiment, found: Inspection) -> Targets:
    actions = left_in_place.intended(experiment, found.actions)
    return Targets(
        inspection=replace(found, actions=actions),
        kept=left_in_place.kept(experiment, actions),
        left=tuple(left_in_place.promised(experiment, actions)),
    )


async def _read_vault(experiment: Experiment, processes: Processes) -> dict[str, Mapping[str, Any]]:
    """What each source wants to see, with what only a vault knows: read by Chaos Toolkit, in the worker. Raises EnvironmentFailure."""
    access = dict(experiment.access)
    if experiment.vaulted:
        await processes.ready()
    for whose, group in experiment.vaulted.items():
        found = processes.supervisor.revealed.get(group)
        if not isinstance(found, Mapping) or not found:
            raise errors.EnvironmentFailure(f"the vault has nothing for the secrets {group!r}: nothing was injected")
        access[whose] = found
    return access


def _widened(experiment: Experiment, observers: Observers) -> list[str]:
    """Guards whose windows are longer than the file says."""
    guards, named = translate.guards(experiment), {o.name: o for o in observers.objectives}
    rates = {name: series.rate for name, series in observers.series.items()}
    return power.widened(guards, named, rates, chosen=observers.traffic.series)


async def _inspect(context: str, processes: Processes) -> Inspection:
    try:
        found = await processes.supervisor.inspect()
    except errors.EnvironmentFailure as problem:
        where = f"the cluster of context {context!r}" if context else "the targets"
        why = problem.message.removeprefix("inspect: ")
        raise errors.EnvironmentFailure(f"cannot look at {where}: {why}") from None
    if found.refused:
        raise errors.Refused("the safety policy refuses this run", reasons=found.refused)
    return found


async def _hidden(targets: Targets, processes: Processes, observers: Observers) -> list[str]:
    """What traffic whose connections are all kept alive cannot see."""
    kept = [s.name for s in observers.traffic.streams if s.new_connections is False]
    struck = sorted({target for a in targets.actions for target in a.targets})
    if not kept or not struck or any(s.new_connections for s in observers.traffic.streams):
        return []
    try:
        services = await processes.supervisor.services(struck)
    except errors.EnvironmentFailure:
        return []
    if not services:
        return []
    return [
        f"{', '.join(kept)}: all connections are kept alive, and the targets stand behind the Service {', '.join(services)}: whoever "
        "comes anew may be sent to a pod that is gone, and nobody would see it; leave `new_connections: false` out"
    ]


def clear(context: RunContext, drawn: Plan, targets: Targets) -> None:
    """Raises Refused with everything that speaks against the run."""
    block, where = context.experiment.block, context.where.environment
    clearance = policy.judge_faults(
        policy.PolicyRequest(environment=where, actions=targets.actions, accept_no_undo=block.accept_no_undo)
    )
    reasons = (*clearance.reasons, *drawn.refusals)
    policy.Clearance(environment=clearance.environment, reasons=reasons).require()


@asynccontextmanager
async def locked(
    context: RunContext, processes: Processes, drawn: Plan, targets: Targets, team: Team | None
) -> AsyncIterator[None]:
    """Hold this machine's lock, the shared record's and the cluster's leases. Raises Refused, naming the holder."""
    session, supervisor = context.session, processes.supervisor
    with lock.held(paths.state_dir() / "locks", _parts(context, drawn, targets), session.run):
        if pending.find(paths.runs_dir()):  # its last holder may have died since we looked
            await asyncio.to_thread(recover_unfinished)
        if team:
            await team.claim(_scopes(context, drawn))
        held: dict[str, list[str]] = {}
        renewing: asyncio.Task[None] | None = None
        try:
            for system, names in targets.inspection.locks.items():
                held[system] = await _acquire(session, supervisor, system, names)
            _persist(processes, targets, held)
            renewing = asyncio.create_task(_renew(session, supervisor, held))
            yield
        finally:
            if renewing is not None:
                renewing.cancel()
            for system, ours in held.items():
                try:
                    await supervisor.release(system, ours)
                except errors.EnvironmentFailure as problem:  # it runs out by itself, and what happened still counts
                    session.find("warning", f"the lock in the cluster was not released: {problem.message}")
            if team:
                await team.release()


def _persist(processes: Processes, targets: Targets, held: Mapping[str, Sequence[str]]) -> None:
    """The locks and the state before the run, so that a surviving process can release and compare them."""
    from runner.undo import assessment

    processes.learn(
        snapshots=targets.inspection.snapshots,
        kept=targets.kept,
        owners={a.action: assessment.owner(a) for a in targets.actions},
        unseeable=tuple(a.action for a in targets.actions if not a.visible),
        locks={system: tuple(names) for system, names in held.items()},
    )
    processes.persist(durable=False)


def _parts(context: RunContext, drawn: Plan, targets: Targets) -> dict[str, bool]:
    """What this run must have on this machine, and whether for itself alone: a program could strike any part of its cluster."""
    parts = {f"{drawn.context}: {part}": True for part in drawn.locks or (context.experiment.block.service,)}
    return {f"{drawn.context} as a whole": targets.inspection.unsure} | parts if context.where.context else parts


def _scopes(context: RunContext, drawn: Plan) -> list[str]:
    """What this run must have for itself among all machines of a team: the same as on this one, by names that all have in common."""
    name = context.where.shared_name
    return [f"{name}: {part}" for part in drawn.locks or (context.experiment.block.service,)] if name else []


async def _acquire(session: Session, supervisor: Supervisor, system: str, names: Sequence[str]) -> list[str]:
    answers = await supervisor.acquire(system, names) if names else ()
    held = [name for name, answer in zip(names, answers, strict=True) if answer.held]
    for name, answer in zip(names, answers, strict=True):
        if answer.held is False:
            await supervisor.release(system, held)
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


async def _renew(session: Session, supervisor: Supervisor, held: Mapping[str, Sequence[str]]) -> None:
    """A lock that we lost means that somebody else may be at work on the same target: stop."""
    while any(held.values()):
        await session.clock.sleep(RENEW_S)
        for system, names in held.items():
            try:
                ours = await supervisor.renew(system, names)
            except errors.EnvironmentFailure:
                continue  # an API server that was hit itself; the lock outlives four such misses
            if not ours:
                session.end_early(StopReason.RUNNER, "the lock in the cluster was taken over by another run")
                return
