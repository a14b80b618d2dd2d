"""The stages of a run from the first request to the last: baseline, inject, undo, recover."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from runner import errors, units
from runner.engine import judging
from runner.engine.crew import Crew
from runner.engine.session import Session
from runner.plan import plan as plans
from runner.plan.plan import Plan
from runner.slo import causes
from runner.slo.series import Series
from runner.slo.verdict import Judgement
from runner.timeline.event import Name

HYPOTHESIS_EVERY_S = 1.0
T = TypeVar("T")


@contextmanager
def interruptions(session: Session) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal ask for the stop; asking again only says that the undo goes on."""
    loop, count = asyncio.get_running_loop(), 0

    def interrupt(name: str) -> None:
        nonlocal count
        count += 1
        session.view.interrupted(count)
        session.hurried = session.phase == "recover"
        session.end_early("person", "interrupted by Ctrl-C" if name == "SIGINT" else f"ended by {name}")

    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under `nohup` a closed terminal is no reason to stop
        heard.append(signal.SIGHUP)
    for number in heard:
        loop.add_signal_handler(number, interrupt, number.name)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


async def unless_stopped(session: Session, work: Coroutine[Any, Any, T]) -> T:
    """Its result, while nothing is injected yet. Raises Interrupted as soon as somebody wants the run stopped."""
    task = asyncio.create_task(work)
    either: set[asyncio.Future[Any]] = {task, session.stop}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        raise errors.Interrupted(f"{session.stop.result().sentence}; nothing was injected")
    return await task


def announce(session: Session, crew: Crew, drawn: Plan) -> None:
    """The run begins."""
    session.tell(
        Name.RUN_STARTED,
        title=session.experiment.title,
        experiment=session.experiment.path,
        context=crew.where.context or "none",
        environment=crew.where.environment,
        plan_hash=drawn.hash,
        targets=[t for step in drawn.steps for t in step.targets],
        service=session.experiment.block.service,
        by=units.user(),
        planned_s=drawn.baseline_s + drawn.method_s,
    )
    for warning in drawn.warnings:
        session.find("warning", warning)
    for sentence in drawn.standing:
        session.find("info", sentence)


async def baseline(session: Session, crew: Crew) -> bool:
    """Whether all is well before anything is broken; if not, nothing is injected. Raises Interrupted."""
    if drawn_vacuous := [a["action"] for a in crew.world.aims if a["resolved"] and not a["targets"]]:
        session.find("error", f"nothing to test: {', '.join(drawn_vacuous)} would hit nothing, no target matches")
        return False
    windows = session.experiment.block.windows
    asked = crew.watch.series or "baseline" in windows.model_fields_set
    length = windows.baseline if asked else 0.0  # by default nobody waits for traffic that is not there
    await crew.detecting.open()
    if crew.silencing:
        await crew.ready()
        await crew.silencing.check()
    await crew.traffic.start()
    session.enter("baseline", length)
    crew.start_watching()
    loading = asyncio.create_task(asyncio.to_thread(_load_what_comes_later))
    await _wait_or_stop(session, length)
    await loading
    await crew.ready()
    if session.stop.done():
        stop = session.stop.result()
        if stop.by == "runner":
            raise errors.EnvironmentFailure(stop.sentence)
        raise errors.Interrupted(f"{stop.sentence}; nothing was injected")
    if crew.traffic.dead:
        raise errors.EnvironmentFailure("the prober died in the baseline: nobody would see what a fault does to users")
    return _holds(session, crew)


async def inject(session: Session, crew: Crew) -> None:
    """Break it, with the guard on duty, while what is bound to be set off beside it is silenced."""
    await crew.silencing.begin()  # first of all undo records: it ends after everything else
    if session.stop.done():
        return
    crew.promise()
    session.enter("inject", plans.method_seconds(session.experiment.method) or None)
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
        crew.ledger.settle_faults()
        if not crew.ledger.outstanding():
            return
    steps = [record.what for record in crew.ledger.outstanding()]
    crew.method.known.undo_begins(steps)
    crew.clean = await crew.method.undo(len(steps))
    crew.residue = [*await _scan(crew), *await crew.silencing.left()]
    if crew.clean and not crew.residue:
        crew.method.known.undone()
    if broke:
        session.mark("undone")
    session.tell(
        Name.UNDONE, clean=crew.clean and not crew.residue, residue=crew.residue, cleared=crew.silencing.cleared
    )


async def recover(session: Session, crew: Crew) -> None:
    """Wait until users are well again and the hypothesis holds, for as long as the file allows."""
    if not crew.method.started:
        return
    windows = session.experiment.block.windows
    session.enter("recover", windows.recovery)
    crew.watch.expect_recovery(windows.stable)
    until = session.clock.monotonic() + round(windows.recovery * 1e9)
    met = False
    while session.clock.monotonic() < until and not session.hurried:
        met = met or await _hypothesis_holds(crew)
        if met and (crew.watch.recovered_ns is not None or not crew.watch.objectives or crew.traffic.dead):
            break
        await session.clock.sleep(0.05 if met else HYPOTHESIS_EVERY_S)
    if session.hurried:
        session.find("warning", "nobody waited until users were well again")
    elif crew.traffic.dead and crew.watch.recovered_ns is None:
        session.end_early("runner", "the prober died: nobody saw how users fared at the end")
    elif met:
        _tell_recovered(session, crew, windows.stable)
        await crew.detecting.settle()
    else:
        session.find("error", f"the service did not recover within {units.format_duration(windows.recovery)}")


def _tell_recovered(session: Session, crew: Crew, stable_s: float) -> None:
    at = crew.watch.recovered_ns
    if crew.watch.objectives and at is None:
        limit = units.format_duration(session.experiment.block.windows.recovery)
        session.find("error", f"the objectives did not hold again within {limit}")
        return
    session.mark("recovered", mono_ns=at, error_s=0.05, source="objectives" if at else "hypothesis")
    session.tell(Name.RECOVERED, mono_ns=at, stable_s=stable_s if at else 0.0, error_s=0.05)


async def _hypothesis_holds(crew: Crew) -> bool:
    if not (crew.session.experiment.document.get("steady-state-hypothesis") or {}).get("probes"):
        return True
    try:
        state = await crew.supervisor.look("hypothesis", deadline_s=40.0)
    except errors.EnvironmentFailure as problem:
        crew.session.find("warning", f"the hypothesis could not be checked: {problem.message}")
        return False
    return crew.method.note_hypothesis("recovered", state)


async def _scan(crew: Crew) -> list[str]:
    if not crew.world.snapshot:  # no cluster was touched
        return []
    try:
        found: dict[str, list[str]] = await crew.supervisor.look(
            "scan", snapshot=crew.world.snapshot, namespaces=crew.world.namespaces
        )
    except errors.EnvironmentFailure as problem:
        return [f"the scan for residue failed: {problem.message}"]
    for change in found["others"]:
        crew.session.find("warning", f"changed meanwhile, but not by this run: {change}")
    return found["residue"]


def _holds(session: Session, crew: Crew) -> bool:
    start, end = session.phase_since_ns, session.clock.monotonic()
    judged = [judging.judged(crew, o, start, end) for o in crew.watch.objectives]
    # The baseline asks whether the objective holds, not whether that can be certified.
    told: list[dict[str, Any]] = [
        {"name": j.objective.name, "met": _kept(j, crew.watch.series[j.objective.indicator], end), "sentence": j.detail}
        for j in judged
    ]
    met = all(t["met"] for t in told)
    session.tell(Name.BASELINE, met=met, objectives=told)
    if not met:
        failing = ", ".join(t["name"] for t in told if not t["met"])
        session.find("error", f"the baseline does not hold ({failing}): nothing was injected{_why(crew)}")
    return met


def _kept(judged: Judgement, series: Series, now_ns: int) -> bool:
    """Whether an objective held; not where its source has fallen silent meanwhile."""
    silent = series.trouble and series.lag_ns(now_ns) > 2 * series.step_s * 1e9
    return judged.total > 0 and judged.bad <= judged.objective.budget * judged.total and not silent


def _load_what_comes_later() -> None:
    """Imported while we wait anyway, so that the end of the run does not."""
    for module in ("importlib.metadata", "runner.store.database", "sqlalchemy.dialects.sqlite"):
        importlib.import_module(module)
    importlib.import_module("runner.report.html").prepare()


def _why(crew: Crew) -> str:
    found = [(s.name, s.url, causes.told(crew.traffic.samples[s.name])) for s in crew.traffic.streams]
    told = "".join(f"; {name}, {url}: {said}" for name, url, said in found if said)
    return told + "".join(f"; {s.name}: no data, {s.trouble}" for s in crew.sources.series.values() if s.trouble)


async def _wait_or_stop(session: Session, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(session.stop), seconds)
