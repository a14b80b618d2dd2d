"""The record of a run, put together from everything that was seen; the verdict in it is that of verdict_and_exit_code.py."""

from __future__ import annotations

from typing import Any

from runner import codec
from runner.engine.conclude import recovery, verdict_and_exit_code
from runner.engine.execute.inject_and_undo import UndoOutcome, undo_missing
from runner.engine.execute.method import Method
from runner.engine.machine import machine
from runner.engine.observe.observers import Observers
from runner.engine.observe.traffic import Traffic
from runner.engine.run_context import RunContext
from runner.engine.session import Session
from runner.experiment.experiment import Experiment
from runner.plan.plan import Plan
from runner.probe import health
from runner.report import answered
from runner.timeline import ttd_ttr
from runner.timeline.record import ObjectiveResult, RunRecord, Terms
from runner.timeline.vocabulary import MarkName, Phase


async def conclude(
    context: RunContext, observers: Observers, method: Method, outcome: UndoOutcome, plan: Plan
) -> RunRecord:
    """Judge the run and put its record together; the traffic ends here."""
    session, experiment = context.session, context.experiment
    await observers.stop_measuring()
    session.enter(Phase.JUDGE)
    pauses = recovery.at_the_end(session, observers)
    objectives = _objectives(session, observers) if session.injecting else ()
    hypothesis = method.hypothesis()
    faults = method.faults()
    times = ttd_ttr.times(
        session.marks,
        aborted=cut_short(session),
        ended_ns=session.clock.monotonic(),
        unwatched_ns=observers.detecting.unwatched_ns,
    )
    _watch_the_prober(session, observers)
    _tell_answers(session, observers.traffic)
    told = observers.detecting.conclude()
    record = RunRecord(
        run=session.run,
        title=experiment.title,
        experiment=experiment.path,
        experiment_hash=experiment.digest,
        service=experiment.block.service,
        context=context.where.context or "none",
        started=session.started,
        ended=session.clock.now(),
        started_mono_ns=session.started_ns,
        verdict="",
        exit_code=0,
        sentence="",
        folder=str(session.folder),
        objectives=objectives,
        hypothesis=hypothesis,
        faults=faults,
        waits=tuple(method.waits.ended),
        undo=tuple(method.undo_steps),
        residue=outcome.residue,
        way_back=outcome.way_back,
        cleared=outcome.cleared,
        marks=tuple(session.marks),
        windows=tuple(session.windows),
        pauses=pauses,
        indicators=observers.indicators(),
        findings=tuple(session.findings),
        said=tuple(session.said),
        ttd_s=times.ttd_s,
        ttd_censored=times.ttd_censored,
        ttd_error_s=times.ttd_error_s,
        ttr_s=times.ttr_s,
        ttr_censored=times.ttr_censored,
        ttr_error_s=times.ttr_error_s,
        environment=_environment(context, plan),
        gameday=context.options.gameday,
        labels=dict(context.options.labels),
        asked=context.options.asked,
        alerting=told,
        terms=_terms(context, method, outcome),
    )
    return codec.with_texts(verdict_and_exit_code.with_verdict(record), session.mask.text)


def cut_short(session: Session) -> bool:
    """Whether it was a stop that ended the fault: one that comes when it is being put back anyway does not."""
    undo = session.marked(MarkName.UNDO_STARTED)
    return session.stop.done() and (undo is None or session.stop.result().mono_ns <= undo.mono_ns)


def _terms(context: RunContext, method: Method, outcome: UndoOutcome) -> Terms:
    session, experiment = context.session, context.experiment
    stop = session.stop.result() if session.stop.done() else None
    block = experiment.block
    return Terms(
        injecting=session.injecting,
        acted=method.started,
        clean=outcome.clean,
        stopped_by=stop.by if stop else None,
        stopped_why=stop.sentence if stop else "",
        recovery_s=block.windows.recovery,
        detected_within_s=block.expect.detected_within,
        recovered_within_s=block.expect.recovered_within,
        undo_missing=bool(undo_missing(context, outcome.way_back)),
        half_way=dict(method.failed),
        check=experiment.is_check,
        unwatched=_unwatched(experiment),
        dry=experiment.runtime.dry,
    )


def _unwatched(experiment: Experiment) -> str:
    """Why the file's hypothesis is not asked while anything is broken, where the file wants that."""
    if not experiment.has_hypothesis:
        return ""
    if not experiment.asks:
        dry = experiment.runtime.dry if experiment.runtime.hypothesis != "skip" else ""
        return f"a dry run executes no probe ({dry})" if dry else "the file skips its hypothesis"
    only = experiment.runtime.hypothesis == "before-method-only"
    return "the hypothesis is asked before the method only" if only else ""


def _objectives(session: Session, observers: Observers) -> tuple[ObjectiveResult, ...]:
    """Judged from the first change until the end of the recovery: what users met while we were at it."""
    start, end = judged_window(session)
    results = []
    for objective in observers.objectives:
        found = observers.judge(objective, start, end, settled=True)
        results.append(verdict_and_exit_code.result(objective, found, observers.series[objective.indicator].rate))
    return tuple(results)


def judged_window(session: Session) -> tuple[int, int]:
    """From the first change, or what was to be one, until the end of the recovery, in monotonic nanoseconds."""
    injected = session.marked(MarkName.INJECTED)
    begun = next((w.start_ns for w in session.windows if w.phase == Phase.INJECT), session.phase_since_ns)
    return (injected.mono_ns - round(injected.error_s * 1e9) if injected else begun), session.phase_since_ns


def _tell_answers(session: Session, traffic: Traffic) -> None:
    """What the traffic met, apart from how much of it was bad."""
    if not session.injecting:
        return
    traffic.count(*judged_window(session))
    for indicator in traffic.indicators():
        for warning in answered.warnings(indicator):
            session.find("warning", warning)


def _watch_the_prober(session: Session, observers: Observers) -> None:
    """An instrument that was late itself makes every latency doubtful."""
    traffic = observers.traffic
    for name, samples in traffic.samples.items():
        thresholds = [o.threshold_s for o in observers.objectives if o.indicator == name and o.threshold_s]
        stream = next(s for s in traffic.streams if s.name == name)
        due = round(stream.rate * (traffic.until_ns - samples[0].intended_ns) / 1e9) - 2 if samples else 0
        found = health.health(samples, min(thresholds, default=stream.timeout), due)
        if samples and found.suspect:
            session.find("warning", f"{name}: the prober itself is suspect: {found.sentence}")


def _environment(context: RunContext, plan: Plan) -> dict[str, Any]:
    return {
        **machine(),
        "context": context.where.context or "none",
        "environment": context.where.environment,
        "plan_hash": plan.hash,
        "guards": list(plan.guards),
        "strategy": context.strategy,
    }
