"""The stages of a run from the first change to the way back: inject, undo."""

from __future__ import annotations

from runner import errors
from runner.engine.crew import Crew
from runner.engine.execute import left_in_place
from runner.engine.session import Session
from runner.faults import registry
from runner.faults.driver import Residue
from runner.plan import plan as plans
from runner.rundir.ledger import ROLLBACK
from runner.timeline.event import Name
from runner.timeline.vocabulary import MarkName, Phase, UndoState
from runner.timeline.way_back import WayBack
from runner.undo import assessment


async def inject(session: Session, crew: Crew) -> None:
    """Break it, with the guard on duty, while what is bound to be set off beside it is silenced."""
    await crew.silencing.begin()  # first of all undo records: it ends after everything else
    if session.stop.done():
        return
    crew.promise()
    session.enter(Phase.INJECT, plans.method_seconds(session.experiment) or None)
    crew.watch.on_guard()
    crew.detecting.guarding = True
    await crew.method.play()
    crew.detecting.guarding = False
    crew.watch.off_guard()
    if not session.stop.done():
        await crew.method.prove_once()


async def undo(session: Session, crew: Crew) -> None:
    """Put everything back, whatever happened, and look for what was left."""
    broke = crew.method.started or not crew.method.over
    if not crew.method.over:  # we broke in the middle of listening
        await crew.supervisor.stop_worker()
    elif not broke:  # no action was begun: the way back would itself be a change
        always = session.experiment.runtime.rollbacks == "always"
        settled = crew.ledger.settle_all(
            UndoState.ALREADY, but=lambda r: registry.outlives_target(r.kind) or (always and r.kind == ROLLBACK)
        )
        if names := [record.what for record in settled if record.kind == ROLLBACK]:
            session.find("info", f"no action was started, so nothing was rolled back (skipped: {', '.join(names)})")
        if not crew.ledger.outstanding():
            return
    if wish := left_in_place.unwanted(crew):
        crew.leave(crew.ledger.settle_all(UndoState.LEFT, but=lambda r: registry.outlives_target(r.kind)), wish)
    crew.clean = await crew.method.undo(crew.ledger.outstanding())
    crew.look_for_listeners()
    look = await _look(crew) + Residue(residue=tuple(await crew.supervisor.left_running()))
    crew.residue, crew.cleared = [*look.residue], [*look.cleared]
    crew.way_back = way = assessment.way(crew.start, crew.method.begun, crew.method.undo_steps, look, clean=crew.clean)
    if way.clean:
        crew.method.known.undone()
    if broke:
        session.mark(MarkName.UNDONE, mono_ns=crew.method.step_ended_ns or None)
    _tell_way_back(session, crew, way)


def _tell_way_back(session: Session, crew: Crew, way: WayBack) -> None:
    for name in () if way.unplayed else way.no_undo:
        severity = "error" if name in crew.undo_missing() else "warning"
        session.find(severity, f"the action {name!r} {assessment.NO_UNDO}")
    session.tell(
        Name.UNDONE,
        clean=way.clean,
        residue=crew.residue,
        cleared=crew.cleared,
        put_back=way.put_back,
        sentence=way.sentence,
    )


async def _look(crew: Crew) -> Residue:
    """What is left in every system that was changed, as far as each can be asked."""
    found = Residue()
    for system, records in assessment.systems(crew.world.snapshots, crew.ledger.records()).items():
        snapshot = crew.world.snapshots.get(system, {})
        try:
            deadline_s = assessment.look_s(system, records)
            found += await crew.supervisor.residue(system, snapshot, crew.kept, deadline_s)
        except errors.EnvironmentFailure as problem:
            found += (missed := assessment.not_looked(system, records, problem.message))
            if missed.missed:
                crew.session.find("error", f"residue could not be checked: {problem.message}")
    for change in found.others:
        crew.session.find("warning", f"changed during the run, but not by it: {change}")
    return found
