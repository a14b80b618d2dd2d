"""The verdict: from everything that was seen to one word, one sentence and one exit code; then the record and its report."""

from __future__ import annotations

import getpass
import platform
import sys
from collections.abc import Iterator
from typing import Any

from runner import files, units
from runner.engine.crew import Crew
from runner.engine.options import Options
from runner.engine.session import Session
from runner.errors import ExitCode
from runner.plan.plan import Plan
from runner.probe import health
from runner.slo import budget, verdict
from runner.timeline import incident
from runner.timeline.event import Name
from runner.timeline.incident import Times
from runner.timeline.record import Fault, HypothesisResult, ObjectiveResult, RunRecord, from_json

PROVEN_RANK = ("vacuous", "assumed", "proven")


async def conclude(session: Session, crew: Crew, plan: Plan, options: Options) -> RunRecord:
    """Judge the run and put its record together; the traffic ends here."""
    await crew.traffic.stop()
    session.enter("judge")
    objectives = _objectives(session, crew) if session.injecting else ()
    hypothesis = crew.method.hypothesis()
    faults = crew.method.faults()
    times = incident.times(session.marks, aborted=session.stop.done(), ended_ns=session.clock.monotonic())
    _watch_the_prober(session, crew)
    code, sentence = _verdict(session, crew, objectives, hypothesis, faults, times)
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
        verdict=code.name,
        exit_code=int(code),
        sentence=sentence,
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
    )
    return from_json(session.mask.value(record.to_json()))


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
        spent = budget.spend(objective, judged.bad, series.rate)
        results.append(
            ObjectiveResult(
                name=objective.name,
                indicator=objective.indicator,
                kind=objective.kind,
                target=objective.target,
                threshold_s=objective.threshold_s,
                verdict=judged.verdict.name,
                sentence=judged.detail,
                bad=judged.bad,
                total=judged.total,
                lower=judged.lower,
                upper=judged.upper,
                dispersion=judged.dispersion,
                budget_spent=spent.share,
                outage_s=spent.spent_s,
            )
        )
    return tuple(results)


def _watch_the_prober(session: Session, crew: Crew) -> None:
    """An instrument that was late itself makes every latency doubtful."""
    for name, samples in crew.traffic.samples.items():
        thresholds = [o.threshold_s for o in crew.watch.objectives if o.indicator == name and o.threshold_s]
        stream = next(s for s in crew.traffic.streams if s.name == name)
        found = health.health(samples, min(thresholds, default=stream.timeout))
        if samples and found.suspect:
            session.find("warning", f"{name}: the prober itself is suspect: {found.sentence}")


def _verdict(
    session: Session,
    crew: Crew,
    objectives: tuple[ObjectiveResult, ...],
    hypothesis: tuple[HypothesisResult, ...],
    faults: tuple[Fault, ...],
    times: Times,
) -> tuple[ExitCode, str]:
    """The worst of all that can be said."""
    if not crew.clean or crew.residue:
        left = "; ".join(crew.residue) or "an undo step failed: " + _failed_steps(crew)
        return ExitCode.UNDO_FAILED, f"not everything was put back: {left}"
    if session.stop.done():
        stop = session.stop.result()
        if stop.by == "person" and not crew.method.started:
            return ExitCode.INTERRUPTED, f"{stop.sentence}; nothing was injected"
        code = ExitCode.ENVIRONMENT if stop.by == "runner" else ExitCode.ABORTED
        return code, f"{stop.sentence}; everything was put back"
    if failures := list(_failures(session, objectives, hypothesis, times)):
        return ExitCode.FAIL, "; ".join(failures)
    if doubts := list(_doubts(session, crew, objectives, hypothesis, faults)):
        return ExitCode.INCONCLUSIVE, "; ".join(doubts)
    return ExitCode.PASS, _praise(objectives, hypothesis, faults)


def _failures(
    session: Session, objectives: tuple[ObjectiveResult, ...], hypothesis: tuple[HypothesisResult, ...], times: Times
) -> Iterator[str]:
    yield from (_brief(o) for o in objectives if o.verdict == "FAIL")
    for check in hypothesis:
        if check.when != "before" and not check.met:
            counted = f" in {check.failed} of {check.checks} checks" if check.checks > 1 else ""
            yield f"the hypothesis did not hold {_WHEN[check.when]}{counted}: {check.sentence}"
    if session.injecting and session.marked("undone") and not session.marked("recovered"):
        yield f"not recovered within {units.format_duration(session.experiment.block.windows.recovery)}"
    expect = session.experiment.block.expect
    if expect.recovered_within and times.ttr_s is not None and times.ttr_s > expect.recovered_within:
        yield f"recovered after {units.format_duration(times.ttr_s)}, expected within {units.format_duration(expect.recovered_within)}"
    if (
        expect.detected_within
        and times.ttd_s is not None
        and (times.ttd_censored or times.ttd_s > expect.detected_within)
    ):
        noticed = f"noticed after {units.format_duration(times.ttd_s)}" if not times.ttd_censored else "nobody noticed"
        yield f"{noticed}, expected within {units.format_duration(expect.detected_within)}"


_WHEN = {"during": "during the method", "after": "after the method", "recovered": "after everything was put back"}


def _doubts(
    session: Session,
    crew: Crew,
    objectives: tuple[ObjectiveResult, ...],
    hypothesis: tuple[HypothesisResult, ...],
    faults: tuple[Fault, ...],
) -> Iterator[str]:
    if not session.injecting:
        yield from (f.message for f in session.findings if f.severity == "error")
        return
    if any(c.when == "before" and not c.met for c in hypothesis):
        yield f"the hypothesis did not hold before the method, nothing was injected: {hypothesis[0].sentence}"
        return
    if not faults:
        yield "nothing was tested: the method has no action"
    yield from (f"nothing was tested: {f.name}: {f.evidence}" for f in faults if f.proof == "vacuous")
    bitten = {f.name for f in faults if f.proof != "vacuous"}
    yield from (f"{name} failed half-way: {why}" for name, why in crew.method.failed.items() if name in bitten)
    yield from (f"{o.name}: {o.sentence}" for o in objectives if o.verdict == "INCONCLUSIVE")
    if not objectives and not hypothesis:
        yield "nothing was watched: neither an objective nor a hypothesis"


def _praise(
    objectives: tuple[ObjectiveResult, ...], hypothesis: tuple[HypothesisResult, ...], faults: tuple[Fault, ...]
) -> str:
    proof = min((f.proof for f in faults), key=PROVEN_RANK.index)
    bitten = (
        "the fault bit (proven)" if proof == "proven" else "the fault is assumed to have bitten, nothing contradicts it"
    )
    held = [_brief(o) for o in objectives]
    if hypothesis:
        held.append("the hypothesis held throughout")
    return f"{bitten}; {'; '.join(held)}"


def _brief(o: ObjectiveResult) -> str:
    """The numbers alone; what is certain about them stands with the objective."""
    allowed = units.format_ratio(1 - o.target)
    return f"{o.name}: {units.format_ratio(o.bad / o.total)} bad ({o.bad:,}/{o.total:,}), allowed is {allowed}"


def _failed_steps(crew: Crew) -> str:
    return (
        ", ".join(f"{s.what} ({s.error})" for s in crew.method.undo_steps if s.state == "failed") or "the undoer died"
    )


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
