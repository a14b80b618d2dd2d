"""Publishing: a verdict that is known must reach the disk, the record and people, whatever cannot be written.

First the run's own folder, then the record: whatever fails or dies in between, one of them has it. What failed is a finding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner import errors, files
from runner.engine.execute.method import Method
from runner.engine.observe.observers import Observers
from runner.engine.options import Options
from runner.engine.run_context import RunContext
from runner.engine.session import Session
from runner.plan.plan import Plan
from runner.report import answered, incident_times
from runner.timeline.event import Name
from runner.timeline.record import ObjectiveResult, RunRecord


def publish(context: RunContext, observers: Observers, method: Method, record: RunRecord, plan: Plan) -> RunRecord:
    """Keep the record, write journal and report, and tell the verdict. What cannot be written is said, and lost nothing."""
    session, options = context.session, context.options
    report = options.report or session.folder / "report.html"
    plain = session.mask.value(plan.to_json())
    _try(session, "the journal", method.journal.write)
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
        ttd_error_s=record.ttd_error_s,
        ttd_why=incident_times.why_censored(record, "ttd"),
        ttr_s=record.ttr_s,
        ttr_censored=record.ttr_censored,
        ttr_error_s=record.ttr_error_s,
        ttr_why=incident_times.why_censored(record, "ttr"),
        felt=incident_times.was_felt(record),
        findings=[f.message for f in record.findings],
        traffic=[answered.told(i) for i in record.indicators if i.new is not None],
        report=str(report),
        **_stages(record),
    )
    kept = _kept(session, record, options)
    _try(session, "the report", lambda: _write_report(report, kept, session, observers))
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


def _write_report(path: Path, record: RunRecord, session: Session, observers: Observers) -> None:
    from runner.report import html

    files.write_atomically(path, html.render(record, session.events, observers.measured()))


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
