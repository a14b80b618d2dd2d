"""The verdict: from everything that was seen to one word, one sentence and one exit code; then the record and its report."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from runner import codec, errors, files, units
from runner.engine.conclude import recovery, run_verdict
from runner.engine.crew import Crew
from runner.engine.options import Options
from runner.engine.session import Session
from runner.experiment.experiment import Experiment
from runner.plan.plan import Plan
from runner.probe import health
from runner.report import answered
from runner.slo import causes, counts, verdict
from runner.slo.counts import Counts
from runner.slo.objective import Objective
from runner.slo.series import Series
from runner.slo.verdict import Judgement
from runner.timeline import incident
from runner.timeline.event import Name
from runner.timeline.record import ObjectiveResult, RunRecord, Terms
from runner.timeline.vocabulary import MarkName, Phase


def baseline_holds(session: Session, crew: Crew) -> bool:
    """Whether every objective held while nothing was broken; if not, why is said."""
    start, end = session.phase_since_ns, session.clock.monotonic()
    found = [judged(crew, o.momentary, start, end) for o in crew.objectives]
    # The baseline asks whether the objective holds, not whether that can be certified.
    told: list[dict[str, Any]] = [
        {"name": j.objective.name, "met": _met(j, crew.series[j.objective.indicator], end), "sentence": j.detail}
        for j in found
    ]
    met = all(t["met"] for t in told)
    session.tell(Name.BASELINE, met=met, objectives=told)
    if not met:
        failing = ", ".join(t["name"] for t in told if not t["met"])
        session.find("error", f"the baseline does not hold ({failing}): nothing was injected{_why(crew)}")
    return met


def _met(judged: Judgement, series: Series, now_ns: int) -> bool:
    """Whether an objective held; not where its source has fallen silent meanwhile."""
    silent = series.trouble and series.lag_ns(now_ns) > 2 * series.step_s * 1e9
    return judged.total > 0 and judged.bad <= judged.objective.budget * judged.total and not silent


def _why(crew: Crew) -> str:
    failed = [(s.name, s.url, causes.counted(crew.traffic.samples[s.name])) for s in crew.traffic.streams]
    told = "".join(f"; {name}, {url}: {causes.told(failures)}" for name, url, failures in failed if failures)
    told += "".join(f"; {said}" for *_, failures in failed if (said := causes.hint(failures)))
    return told + "".join(f"; {s.name}: no data, {s.trouble}" for s in crew.sources.series.values() if s.trouble)


async def conclude(session: Session, crew: Crew, plan: Plan, options: Options) -> RunRecord:
    """Judge the run and put its record together; the traffic ends here."""
    await asyncio.gather(crew.traffic.stop(), crew.sources.stop(), crew.detecting.look_back(), crew.tell_listeners())
    session.enter(Phase.JUDGE)
    pauses = recovery.at_the_end(session, crew)
    objectives = _objectives(session, crew) if session.injecting else ()
    hypothesis = crew.method.hypothesis()
    faults = crew.method.faults()
    times = incident.times(
        session.marks,
        aborted=session.stop.done(),
        ended_ns=session.clock.monotonic(),
        unwatched_ns=crew.detecting.unwatched_ns,
    )
    _watch_the_prober(session, crew)
    _tell_answers(session, crew)
    told = crew.detecting.conclude()
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
        way_back=crew.way_back,
        cleared=tuple(crew.cleared),
        marks=tuple(session.marks),
        windows=tuple(session.windows),
        pauses=pauses,
        indicators=(*crew.traffic.indicators(), *crew.sources.indicators()),
        findings=tuple(session.findings),
        said=tuple(session.said),
        ttd_s=times.ttd_s,
        ttd_censored=times.ttd_censored,
        ttd_error_s=times.ttd_error_s,
        ttr_s=times.ttr_s,
        ttr_censored=times.ttr_censored,
        ttr_error_s=times.ttr_error_s,
        environment=_environment(crew, plan),
        gameday=options.gameday,
        alerting=told,
        terms=_terms(session, crew),
    )
    return codec.with_texts(run_verdict.weighed(record), session.mask.text)


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
        undo_missing=bool(crew.undo_missing()),
        half_way=dict(crew.method.failed),
        check=session.experiment.is_check,
        unwatched=_unwatched(session.experiment),
        dry=session.experiment.runtime.dry,
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


def publish(session: Session, record: RunRecord, crew: Crew, plan: Plan, options: Options) -> RunRecord:
    """Keep the record, write journal and report, and tell the verdict. What cannot be written is said, and lost nothing."""
    report = options.report or session.folder / "report.html"
    plain = session.mask.value(plan.to_json())
    _try(session, "the journal", crew.method.journal.write)
    _try(session, "the plan", lambda: files.write_atomically(session.folder / "plan.json", plain, durable=False))
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
        traffic=[answered.told(i) for i in record.indicators if i.new is not None],
        report=str(report),
        **_stages(record),
    )
    kept = _kept(session, record, options)
    _try(session, "the report", lambda: _write_report(report, kept, session, crew))
    return kept


def _kept(session: Session, record: RunRecord, options: Options) -> RunRecord:
    """First on disk, with a note where it belongs, then on the record: whatever fails or dies, one of them has it."""
    from runner.store import Store, undelivered

    def save() -> None:
        with Store.open(options.store) as store:
            store.save(record, session.events)
        undelivered.release(session.run)

    session.make_room()
    _try(session, "the note of what has to go on the record", lambda: undelivered.hold(session.run, options.store))
    _try(session, "the record in the run's folder", lambda: session.close(record.to_json()))
    if _try(session, f"the verdict is not on the record yet (it is kept in {session.folder})", save):
        return record
    told = replace(record, findings=tuple(session.findings))
    _try(session, "the record in the run's folder", lambda: session.close(told.to_json()))
    return told


def _write_report(path: Path, record: RunRecord, session: Session, crew: Crew) -> None:
    from runner.report import html

    files.write_atomically(path, html.render(record, session.events, crew.seen()))


def _try(session: Session, what: str, act: Callable[[], None]) -> bool:
    """Whether it could be done; a verdict that is known must not be lost for what cannot."""
    try:
        act()
    except OSError as problem:
        session.find("warning", f"{what}: cannot be written: {problem.strerror or problem}")
        return False
    except errors.ChaosRunError as problem:
        session.find("warning", f"{what}: {problem.message}")
        return False
    return True


def _stages(record: RunRecord) -> dict[str, Any]:
    """When each stage from fault to all-clear was reached first, in seconds of the run; nothing where no alerts were watched."""
    if record.alerting is None:
        return {}
    from runner.report import lanes

    unwatched = {"unwatched": record.alerting.unwatched} if record.alerting.unwatched else {}
    return {"stages": {name: round(at, 3) for name, at in lanes.moments(record).items()}, **unwatched}


def _told(objective: ObjectiveResult) -> dict[str, Any]:
    return {
        "name": objective.name,
        "verdict": objective.verdict,
        "sentence": objective.sentence,
        "bad": objective.bad,
        "unmeasured": objective.unmeasured,
        "total": objective.total,
        "target": objective.target,
        "threshold_s": objective.threshold_s,
        "slice_s": objective.slice_s,
        "slice_target": objective.slice_target,
        "lower": objective.lower,
        "upper": objective.upper,
        "budget_spent": objective.budget_spent,
        "outage_s": objective.outage_s,
    }


def _objectives(session: Session, crew: Crew) -> tuple[ObjectiveResult, ...]:
    """Judged from the first change until the end of the recovery: what users met while we were at it."""
    start, end = judged_window(session)
    results = []
    for objective in crew.objectives:
        found = judged(crew, objective, start, end, settled=True)
        results.append(run_verdict.result(objective, found, crew.series[objective.indicator].rate))
    return tuple(results)


def judged_window(session: Session) -> tuple[int, int]:
    """From the first change, or what was to be one, until the end of the recovery, in monotonic nanoseconds."""
    injected = session.marked(MarkName.INJECTED)
    begun = next((w.start_ns for w in session.windows if w.phase == Phase.INJECT), session.phase_since_ns)
    return (injected.mono_ns - round(injected.error_s * 1e9) if injected else begun), session.phase_since_ns


def judged(crew: Crew, objective: Objective, start_ns: int, end_ns: int, *, settled: bool = False) -> Judgement:
    """One objective over a window; `settled`: requests that the prober still waited for at its end count neither way."""
    series = crew.series[objective.indicator]
    if isinstance(series, Counts):
        return counts.judge(objective, series, start_ns, end_ns)
    samples, now_ns = crew.traffic.samples[series.name], series.now_ns if settled else None
    until_ns = crew.traffic.until_ns if settled else 0
    rate, timeout_s = series.rate, series.timeout_s
    return verdict.judge(
        objective, samples, start_ns, end_ns, rate=rate, timeout_s=timeout_s, now_ns=now_ns, until_ns=until_ns
    )


def _tell_answers(session: Session, crew: Crew) -> None:
    """What the traffic met, apart from how much of it was bad."""
    if not session.injecting:
        return
    crew.traffic.count(*judged_window(session))
    for indicator in crew.traffic.indicators():
        for warning in answered.warnings(indicator):
            session.find("warning", warning)


def _watch_the_prober(session: Session, crew: Crew) -> None:
    """An instrument that was late itself makes every latency doubtful."""
    for name, samples in crew.traffic.samples.items():
        thresholds = [o.threshold_s for o in crew.objectives if o.indicator == name and o.threshold_s]
        stream = next(s for s in crew.traffic.streams if s.name == name)
        due = round(stream.rate * (crew.traffic.until_ns - samples[0].intended_ns) / 1e9) - 2 if samples else 0
        found = health.health(samples, min(thresholds, default=stream.timeout), due)
        if samples and found.suspect:
            session.find("warning", f"{name}: the prober itself is suspect: {found.sentence}")


@cache
def machine() -> dict[str, str]:
    """What runs here, and where: asked for early, since looking up versions takes a while."""
    from importlib.metadata import version

    return {
        "chaos-run": version("chaos-run"),
        "chaostoolkit-lib": version("chaostoolkit-lib"),
        "python": sys.version.split()[0],
        "machine": platform.platform(),
        "host": platform.node(),
        "operator": units.user(),
    }


def _environment(crew: Crew, plan: Plan) -> dict[str, Any]:
    return {
        **machine(),
        "context": crew.where.context or "none",
        "environment": crew.where.environment,
        "plan_hash": plan.hash,
        "guards": list(plan.guards),
        "strategy": crew.start.strategy,
    }
