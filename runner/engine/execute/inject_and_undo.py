"""From the first change to the look for residue: inject, undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runner import errors
from runner.engine.execute.method import Method
from runner.engine.execute.silencing import Silencing
from runner.engine.execute.undo_records import write_undo_records
from runner.engine.observe.observers import Observers
from runner.engine.preflight import left_in_place
from runner.engine.preflight.admission import Targets
from runner.engine.processes import Processes
from runner.engine.run_context import RunContext
from runner.engine.session import Session
from runner.engine.supervisor import Supervisor
from runner.faults import registry
from runner.faults.driver import Residue
from runner.plan import plan as plans
from runner.rundir.ledger import ROLLBACK, Ledger, UndoRecord
from runner.rundir.start_message import Kept
from runner.safety import policy
from runner.timeline import way_back
from runner.timeline.event import Name
from runner.timeline.vocabulary import MarkName, Phase, UndoState
from runner.timeline.way_back import WayBack
from runner.undo import assessment

NOTHING_DONE = way_back.told(acted=False, done=0, failed=(), residue=())


@dataclass(frozen=True, kw_only=True)
class UndoOutcome:
    """What the undo came to; as it is by default where nothing had to be undone."""

    clean: bool = True
    """Whether no undo step was left open."""
    residue: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    """The evidence that nothing of the run is left, where a system gives some."""
    way_back: WayBack = NOTHING_DONE


def undo_missing(context: RunContext, way: WayBack) -> list[str]:
    """Actions without an undo that fail the run: neither declared to stay nor accepted by name, where one is asked for."""
    block = context.experiment.block
    required = block.undo == "required" or policy.requires_undo(context.where.environment)
    return [name for name in way.no_undo if required and name not in block.accept_no_undo]


async def inject(
    context: RunContext, observers: Observers, targets: Targets, silencing: Silencing, method: Method
) -> None:
    """Break it, with the guard on duty, while what is bound to be set off beside it is silenced."""
    session = context.session
    await silencing.begin()  # first of all undo records: it ends after everything else
    if session.stop.done():
        return
    write_undo_records(context, targets)
    session.enter(Phase.INJECT, plans.method_seconds(context.experiment) or None)
    observers.watch.on_guard()
    observers.detecting.guarding = True
    await method.play()
    observers.detecting.guarding = False
    observers.watch.off_guard()
    if not session.stop.done():
        await method.prove_once()


async def undo(
    context: RunContext, processes: Processes, observers: Observers, targets: Targets, method: Method
) -> UndoOutcome:
    """Put everything back, whatever happened, and look for what was left."""
    session, ledger = context.session, Ledger(context.session.folder)
    broke = method.started or not method.over
    if not method.over:  # we broke in the middle of listening
        await processes.supervisor.stop_worker()
    elif not broke:  # no action was begun: the way back would itself be a change
        always = context.experiment.runtime.rollbacks == "always"
        settled = ledger.settle_all(
            UndoState.ALREADY, but=lambda r: registry.outlives_target(r.kind) or (always and r.kind == ROLLBACK)
        )
        if names := [record.what for record in settled if record.kind == ROLLBACK]:
            session.find("info", f"no action was started, so nothing was rolled back (skipped: {', '.join(names)})")
        if not ledger.outstanding():
            return UndoOutcome()
    kept = targets.kept
    if wish := left_in_place.unwanted(context, method, observers):
        left = ledger.settle_all(UndoState.LEFT, but=lambda r: registry.outlives_target(r.kind))
        kept = _kept_with(kept, left)
        if left:
            processes.learn(unplayed=left_in_place.unplayed(wish, [record.what for record in left]))
    clean = await method.undo(ledger.outstanding())
    observers.listeners.compare()
    look = await _look(session, processes.supervisor, targets, kept)
    look += Residue(residue=tuple(await processes.supervisor.left_running()))
    way = assessment.way(processes.start, method.begun, method.undo_steps, look, clean=clean)
    if way.clean:
        observers.progress.note_undone()
    if broke:
        session.mark(MarkName.UNDONE, mono_ns=method.step_ended_ns or None)
    _tell_way_back(context, way, look)
    return UndoOutcome(clean=clean, residue=tuple(look.residue), cleared=tuple(look.cleared), way_back=way)


def _kept_with(kept: Kept, left: Sequence[UndoRecord]) -> Kept:
    """What stays with these, too. What the file's own rollbacks would have changed is not known: anything."""
    if not left:
        return kept
    own = not any(record.kind == ROLLBACK for record in left)
    names = [*(kept.names or ()), *(left_in_place.concerns(r.kind, r.args) for r in left)]
    return replace(kept, names=tuple(names) if own else None)


def _tell_way_back(context: RunContext, way: WayBack, look: Residue) -> None:
    missing = undo_missing(context, way)
    for name in () if way.unplayed else way.no_undo:
        severity = "error" if name in missing else "warning"
        context.session.find(severity, f"the action {name!r} {assessment.NO_UNDO}")
    context.session.tell(
        Name.UNDONE,
        clean=way.clean,
        residue=list(look.residue),
        cleared=list(look.cleared),
        put_back=way.put_back,
        sentence=way.sentence,
    )


async def _look(session: Session, supervisor: Supervisor, targets: Targets, kept: Kept) -> Residue:
    """What is left in every system that was changed, as far as each can be asked."""
    found, snapshots, records = Residue(), targets.inspection.snapshots, Ledger(session.folder).records()
    for system, concerned in assessment.systems(snapshots, records).items():
        try:
            deadline_s = assessment.look_s(system, concerned)
            found += await supervisor.residue(system, snapshots.get(system, {}), kept, deadline_s)
        except errors.EnvironmentFailure as problem:
            found += (missed := assessment.not_looked(system, concerned, problem.message))
            if missed.missed:
                session.find("error", f"residue could not be checked: {problem.message}")
    for change in found.others:
        session.find("warning", f"changed during the run, but not by it: {change}")
    return found
