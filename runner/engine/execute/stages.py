"""The stages of a run from the first change to the way back: inject, undo."""

from __future__ import annotations

from dataclasses import replace

from runner import errors
from runner.engine.crew import Crew
from runner.engine.execute import left_in_place
from runner.engine.session import Session
from runner.faults.kubernetes import residue
from runner.plan import plan as plans
from runner.rundir.ledger import LEFT, ROLLBACK
from runner.timeline.event import Name
from runner.timeline.way_back import WayBack
from runner.undo import assessment
from runner.undo.assessment import Look


async def inject(session: Session, crew: Crew) -> None:
    """Break it, with the guard on duty, while what is bound to be set off beside it is silenced."""
    await crew.silencing.begin()  # first of all undo records: it ends after everything else
    if session.stop.done():
        return
    crew.promise()
    session.enter("inject", plans.method_seconds(session.experiment) or None)
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
        settled = crew.ledger.settle_faults(but=(ROLLBACK,) if always else ())
        if names := [record.what for record in settled if record.kind == ROLLBACK]:
            session.find("info", f"no action was started, so nothing was rolled back (skipped: {', '.join(names)})")
        if not crew.ledger.outstanding():
            return
    if wish := left_in_place.unwanted(crew):
        crew.leave(crew.ledger.settle_faults(LEFT), wish)
    crew.clean = await crew.method.undo(crew.ledger.outstanding())
    look = await _scan(crew)
    look = replace(look, residue=(*look.residue, *await crew.supervisor.left_running(), *await crew.silencing.left()))
    crew.residue = [*look.residue]
    for port in await crew.new_listeners():
        session.find("info", port)
    crew.way_back = way = assessment.way(crew.start, crew.method.begun, crew.method.undo_steps, look, clean=crew.clean)
    if way.clean:
        crew.method.known.undone()
    if broke:
        session.mark("undone", mono_ns=crew.method.step_ended_ns or None)
    _tell_way_back(session, crew, way)


def _tell_way_back(session: Session, crew: Crew, way: WayBack) -> None:
    for name in () if way.unplayed else way.no_undo:
        severity = "error" if name in crew.undo_missing() else "warning"
        session.find(severity, f"the action {name!r} {assessment.NO_UNDO}")
    session.tell(
        Name.UNDONE,
        clean=way.clean,
        residue=crew.residue,
        cleared=crew.silencing.cleared,
        put_back=way.put_back,
        sentence=way.sentence,
    )


async def _scan(crew: Crew) -> Look:
    if not crew.world.snapshot:  # no cluster was touched
        return Look()
    try:
        found: dict[str, list[str]] = await crew.supervisor.look(
            "scan", deadline_s=residue.SCAN_S, snapshot=crew.world.snapshot
        )
    except errors.EnvironmentFailure as problem:
        crew.session.find("error", f"residue could not be checked: {problem.message}")
        return Look(missed=(f"the cluster ({problem.message})",))
    for change in found["others"]:
        crew.session.find("warning", f"changed during the run, but not by it: {change}")
    return Look.of(found)
