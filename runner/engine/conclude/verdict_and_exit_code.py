"""The run's verdict: one word, one sentence and one exit code from a record.

The same for a run that just ended and for one that is judged again. One whose runner died is closed by `runner/undo/crash_recovery.py`;
one objective is judged in `runner/slo/verdict.py`, and over a source that counts in `runner/slo/counts.py`; what is expected of alerts in
`runner/engine/observe/alert_findings.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runner import units
from runner.errors import ExitCode
from runner.slo import budget
from runner.slo.objective import Objective
from runner.slo.verdict import Judgement
from runner.timeline import alerting
from runner.timeline.record import Fault, ObjectiveResult, RunRecord, Terms
from runner.timeline.vocabulary import MarkName, Proof, StopReason

PROVEN_RANK = (Proof.VACUOUS, Proof.ASSUMED, Proof.PROVEN)
_WHEN = {
    "before": "before the method",
    "during": "during the method",
    "after": "after the method",
    "recovered": "after the undo",
}


def with_verdict(record: RunRecord) -> RunRecord:
    """The record with its verdict: the worst of all that can be said. Needs its `terms`."""
    if record.terms is None:
        raise ValueError("a record without terms has no verdict")
    code, sentence = _verdict(record, record.terms)
    return replace(record, verdict=code.name, exit_code=int(code), sentence=sentence)


def result(objective: Objective, judged: Judgement, rate: float) -> ObjectiveResult:
    """A judgement as it is kept; `rate` requests a second turn bad ones into outage time, a bad slice is all outage."""
    spent = budget.spend(objective, judged.bad, objective.counted_at(rate))
    return ObjectiveResult(
        name=objective.name,
        indicator=objective.indicator,
        kind=objective.kind if objective.slice_target is None else "timeslices",
        target=objective.target,
        threshold_s=objective.threshold_s,
        verdict=judged.verdict.value,
        sentence=judged.detail,
        bad=judged.bad,
        total=judged.total,
        lower=judged.lower,
        upper=judged.upper,
        dispersion=judged.dispersion,
        unmeasured=judged.unmeasured,
        budget_spent=spent.share,
        outage_s=spent.spent_s,
        window_s=objective.window_s,
        slice_s=objective.slice_s,
        slice_target=objective.slice_target,
        judge=objective.judge,
    )


def _verdict(record: RunRecord, terms: Terms) -> tuple[ExitCode, str]:
    if not terms.clean or record.residue:
        return ExitCode.UNDO_FAILED, record.back.sentence
    if terms.stopped_by is not None:
        if terms.stopped_by == StopReason.PERSON and not terms.acted:
            return ExitCode.INTERRUPTED, f"{terms.stopped_why}; nothing was injected"
        code = ExitCode.ENVIRONMENT if terms.stopped_by == StopReason.RUNNER else ExitCode.ABORTED
        if not terms.acted and terms.stopped_by == StopReason.CONTROL:
            return code, f"{terms.stopped_why}; nothing was injected"
        return code, f"{terms.stopped_why}; {record.back.sentence}"
    if failures := list(_failures(record, terms)):
        return ExitCode.FAIL, "; ".join(failures)
    if doubts := list(_doubts(record, terms)):
        return ExitCode.INCONCLUSIVE, "; ".join(doubts)
    praise = _praise(record, terms)
    return ExitCode.PASS, praise if record.back.clean and not record.back.stays else f"{praise}; {record.back.sentence}"


def _failures(record: RunRecord, terms: Terms) -> Iterator[str]:
    yield from (_brief(o) for o in record.objectives if o.verdict == "FAIL")
    if terms.undo_missing:
        yield f"{record.back.sentence}; the experiment requires an undo"
    for check in record.hypothesis:
        if (check.when != "before" or terms.check) and not check.met:
            counted = f" in {check.failed} of {check.checks} checks" if check.checks > 1 else ""
            yield f"the hypothesis did not hold {_WHEN[check.when]}{counted}: {check.sentence}"
    yield from (wait.sentence for wait in record.waits if not wait.met)
    watched = record.objectives or record.hypothesis
    known = record.mark(MarkName.RECOVERED) or record.mark(MarkName.UNWATCHED)
    if watched and terms.injecting and record.mark(MarkName.UNDONE) and not known:
        yield f"not recovered within {units.format_duration(terms.recovery_s)}"
    if record.alerting is not None:
        yield from record.alerting.failures
    within = terms.recovered_within_s
    if within and record.ttr_s is not None and record.ttr_s - record.ttr_spread_s > within:
        recovered = "not recovered" if record.ttr_censored else f"recovered after {units.format_duration(record.ttr_s)}"
        yield f"{recovered}, expected within {units.format_duration(within)}"
    within = terms.detected_within_s
    if within and record.ttd_s is not None and record.ttd_s > within:
        detected = "not detected" if record.ttd_censored else f"detected after {units.format_duration(record.ttd_s)}"
        yield f"{detected}, expected within {units.format_duration(within)}"


def _doubts(record: RunRecord, terms: Terms) -> Iterator[str]:
    if not terms.injecting:
        yield from (f.message for f in record.findings if f.severity == "error")
        return
    if any(c.when == "before" and not c.met for c in record.hypothesis):
        yield f"the hypothesis did not hold before the method, nothing was injected: {record.hypothesis[0].sentence}"
        return
    if not record.faults and not terms.check:
        yield "nothing was tested: the method has no action"
    yield from (f"nothing was tested: {f.name}: {f.evidence}" for f in _tested(record) if f.proof == Proof.VACUOUS)
    effective = {f.name for f in record.faults if f.proof != Proof.VACUOUS or f not in _tested(record)}
    yield from (f"{name} failed half-way: {why}" for name, why in terms.half_way.items() if name in effective)
    yield from (f"{o.name}: {o.sentence}" for o in record.objectives if o.verdict == "INCONCLUSIVE")
    if record.alerting is not None:
        yield from record.alerting.unknown
    if (within := terms.detected_within_s) and (why := _unwatched(record, within)):
        yield f"whether the fault was detected within {units.format_duration(within)} is unknown: {why}"
    yield from _unknown_recovery(record, terms)
    yield from (f"residue could not be checked: {where}" for where in record.back.missed)
    if not record.objectives and not any(c.when in ("during", "after") for c in record.hypothesis) and not terms.check:
        yield f"nothing was measured: {terms.unwatched or 'the experiment has neither an objective nor a hypothesis'}"


def _unknown_recovery(record: RunRecord, terms: Terms) -> Iterator[str]:
    """What was not measured and could turn what is said of the recovery."""
    if record.mark(MarkName.UNWATCHED) and not record.mark(MarkName.RECOVERED):
        yield "whether and when the service recovered is unknown: too little was measured"
    within, spread = terms.recovered_within_s, record.ttr_spread_s
    if within and record.ttr_s is not None and record.ttr_s - spread <= within < record.ttr_s + spread:
        early, late = (units.format_duration(record.ttr_s + sign * spread) for sign in (-1, 1))
        span = f"it did between {early} and {late}, not all of which was measured"
        yield f"whether the service recovered within {units.format_duration(within)} is unknown: {span}"


def _unwatched(record: RunRecord, within_s: float) -> str:
    """Why nobody can say whether somebody noticed in time; empty where it is known."""
    if not record.ttd_censored or record.ttd_s is None or record.ttd_s > within_s:
        return ""
    return (record.alerting.unwatched if record.alerting else "") or alerting.watched_only(record.ttd_s, within_s)


def _tested(record: RunRecord) -> tuple[Fault, ...]:
    """What the run is about: a change that is meant to stay prepares it, and a silent action is a pause, unless there is nothing else."""
    return tuple(f for f in record.faults if not f.stays and f.proof != Proof.SILENT) or record.faults


def _praise(record: RunRecord, terms: Terms) -> str:
    held = [_brief(o) for o in record.objectives]
    if when := [c.when for c in record.hypothesis if c.when != "recovered"]:
        held.append(f"the hypothesis held {'throughout' if 'during' in when else ' and '.join(when)}")
    return f"{_effect(record, terms)}; {'; '.join(held)}"


def _effect(record: RunRecord, terms: Terms) -> str:
    if terms.check:
        return "steady-state check only: the method has no action, nothing was injected"
    if min((f.proof for f in _tested(record)), key=PROVEN_RANK.index) == Proof.PROVEN:
        return "the fault took effect (proven)"
    return "the fault's effect is assumed, not verified"


def _brief(o: ObjectiveResult) -> str:
    """The numbers alone; what is certain about them stands with the objective."""
    allowed = units.format_ratio(1 - o.target)
    return f"{o.name}: {units.format_ratio(o.bad / o.total)} bad ({o.bad:,}/{o.total:,}), allowed is {allowed}"
