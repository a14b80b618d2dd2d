"""The verdict: from everything that was seen to one word, one sentence and one exit code; then the record and its report."""

from __future__ import annotations

import getpass
import platform
import sys
from typing import Any

from runner import files
from runner.engine import reasons
from runner.engine.crew import Crew
from runner.engine.options import Options
from runner.engine.session import Session
from runner.plan.plan import Plan
from runner.probe import health
from runner.slo import verdict
from runner.timeline import incident
from runner.timeline.event import Name
from runner.timeline.record import ObjectiveResult, RunRecord, Terms, from_json


async def conclude(session: Session, crew: Crew, plan: Plan, options: Options) -> RunRecord:
    """Judge the run and put its record together; the traffic ends here."""
    await crew.traffic.stop()
    session.enter("judge")
    objectives = _objectives(session, crew) if session.injecting else ()
    hypothesis = crew.method.hypothesis()
    faults = crew.method.faults()
    times = incident.times(session.marks, aborted=session.stop.done(), ended_ns=session.clock.monotonic())
    _watch_the_prober(session, crew)
    experiment = session.experiment
    record = RunRecord(
        run=session.run,
        title=experiment.title,
        experiment=experiment.path,
        experiment_hash=experiment.digest,
        service=experiment.block.service,
        context=crew.where.context or "none",
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
        undo=tuple(crew.method.undo_steps),
        residue=tuple(crew.residue),
        marks=tuple(session.marks),
        windows=tuple(session.windows),
        indicators=crew.traffic.indicators(),
        findings=tuple(session.findings),
        ttd_s=times.ttd_s,
        ttd_censored=times.ttd_censored,
        ttd_error_s=times.ttd_error_s,
        ttr_s=times.ttr_s,
        ttr_censored=times.ttr_censored,
        ttr_error_s=times.ttr_error_s,
        environment=_environment(crew, plan),
        gameday=options.gameday,
        terms=_terms(session, crew),
    )
    return from_json(session.mask.value(reasons.weighed(record).to_json()))


def _terms(session: Session, crew: Crew) -> Terms:
    stop = session.stop.result() if session.stop.done() else None
    block = session.experiment.block
    return Terms(
        injecting=session.injecting,
        acted=crew.method.started,
        clean=crew.clean,
        stopped_by=stop.by if stop else None,
        stopped_why=stop.sentence if stop else "",
        recovery_s=block.windows.recovery,
        detected_within_s=block.expect.detected_within,
        recovered_within_s=block.expect.recovered_within,
        half_way=dict(crew.method.failed),
    )


def publish(session: Session, record: RunRecord, crew: Crew, options: Options) -> RunRecord:
    """Keep the record, write journal and report, and tell the verdict. What cannot be written is said, and lost nothing."""
    from runner.report import html
    from runner.store import Store

    crew.method.journal.write()
    report = options.report or session.folder / "report.html"
    session.tell(
        Name.VERDICT,
        verdict=record.verdict,
        exit_code=record.exit_code,
        sentence=record.sentence,
        objectives=[_told(o) for o in record.objectives],
        targets=list(record.targets),
        ttd_s=record.ttd_s,
        ttd_censored=record.ttd_censored,
        ttr_s=record.ttr_s,
        ttr_censored=record.ttr_censored,
        findings=[f.message for f in record.findings],
        report=str(report),
    )
    session.close(record.to_json())
    with Store.open(options.store) as store:
        store.save(record, session.events)
    files.write_atomically(report, html.render(record, session.events, crew.traffic.samples))
    return record


def _told(objective: ObjectiveResult) -> dict[str, Any]:
    return {
        "name": objective.name,
        "verdict": objective.verdict,
        "sentence": objective.sentence,
        "bad": objective.bad,
        "total": objective.total,
        "target": objective.target,
        "threshold_s": objective.threshold_s,
        "lower": objective.lower,
        "upper": objective.upper,
        "budget_spent": objective.budget_spent,
        "outage_s": objective.outage_s,
    }


def _objectives(session: Session, crew: Crew) -> tuple[ObjectiveResult, ...]:
    """Judged from the first change until the end of the recovery: what users met while we were at it."""
    injected = session.marked("injected")
    begun = next((w.start_ns for w in session.windows if w.phase == "inject"), session.phase_since_ns)
    start = injected.mono_ns - round(injected.error_s * 1e9) if injected else begun
    results = []
    for objective in crew.watch.objectives:
        series = crew.traffic.series[objective.indicator]
        judged = verdict.judge(
            objective,
            crew.traffic.samples[series.name],
            start,
            session.phase_since_ns,
            rate=series.rate,
            timeout_s=series.timeout_s,
            now_ns=series.now_ns,
        )
        results.append(reasons.result(objective, judged, series.rate))
    return tuple(results)


def _watch_the_prober(session: Session, crew: Crew) -> None:
    """An instrument that was late itself makes every latency doubtful."""
    for name, samples in crew.traffic.samples.items():
        thresholds = [o.threshold_s for o in crew.watch.objectives if o.indicator == name and o.threshold_s]
        stream = next(s for s in crew.traffic.streams if s.name == name)
        found = health.health(samples, min(thresholds, default=stream.timeout))
        if samples and found.suspect:
            session.find("warning", f"{name}: the prober itself is suspect: {found.sentence}")


def _environment(crew: Crew, plan: Plan) -> dict[str, Any]:
    from importlib.metadata import version  # dear, and not wanted before

    return {
        "chaos-run": version("chaos-run"),
        "chaostoolkit-lib": version("chaostoolkit-lib"),
        "python": sys.version.split()[0],
        "machine": platform.platform(),
        "host": platform.node(),
        "operator": getpass.getuser(),
        "context": crew.where.context or "none",
        "environment": crew.where.environment,
        "plan_hash": plan.hash,
        "guards": list(plan.guards),
        "strategy": crew.start["strategy"],
    }
