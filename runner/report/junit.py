"""JUnit: runs as test suites, for every CI that can show tests: a case a claim, and the claim's numbers in its message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast
from xml.etree import ElementTree as ET

from runner import clock
from runner.characters import harmless
from runner.report import answered, text, words
from runner.timeline.record import Fault, HypothesisResult, ObjectiveResult, RunRecord
from runner.timeline.result import ExperimentResult
from runner.timeline.vocabulary import Proof, UndoState
from runner.timeline.way_back import PutBack


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    """One claim; `outcome` is passed, skipped, failure or error, `kind` the type a CI groups by."""

    name: str
    outcome: str = "passed"
    kind: str = ""
    message: str = ""
    seconds: float = 0.0


def render(runs: Sequence[RunRecord | ExperimentResult]) -> str:
    """JUnit XML: one suite a run, one case a hypothesis check, an objective, a fault's proof, and the way back.

    A breached objective is a failure, an undecided one a failure of type `inconclusive` (a gate that cannot tell has not
    passed), an abort, a failed undo, a technical end and an experiment that did not run an error.
    """
    suites = ET.Element("testsuites", name="chaos-run")
    seconds = 0.0
    for run in runs:
        record = run.record if isinstance(run, ExperimentResult) else run
        suites.append(_suite(record) if record else _case_without_run(cast(ExperimentResult, run)))
        seconds += _span(record) if record else 0.0
    _tally(suites, list(suites), seconds)
    ET.indent(suites)
    return harmless(f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n')


def _case_without_run(one: ExperimentResult) -> ET.Element:
    """The suite of a file without a run: one error."""
    counts = {"tests": "1", "failures": "0", "errors": "1", "skipped": "0", "time": "0.000"}
    suite = ET.Element("testsuite", {"name": _legal(one.name), **counts})
    name = {"classname": "chaos-run", "name": f"experiment: {_legal(one.file)}", "time": "0.000"}
    element = ET.SubElement(suite, "testcase", name | {"file": _legal(one.file)})
    told = ET.SubElement(element, "error", type=one.kind, message=_legal(one.sentence))
    told.text = _legal_lines(one.details or one.sentence)
    return suite


def _span(record: RunRecord) -> float:
    return max(0.0, (record.ended - record.started).total_seconds())


def _suite(record: RunRecord) -> ET.Element:
    suite = ET.Element("testsuite", name=_legal(record.title), timestamp=clock.rfc3339(record.started))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(record):
        ET.SubElement(properties, "property", name=name, value=_legal(value))
    cases = list(_cases(record))
    for case in cases:
        suite.append(_case(record, case))
    ET.SubElement(suite, "system-out").text = _legal_lines(text.render(record))
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(c.outcome == "failure" for c in cases)))
    suite.set("errors", str(sum(c.outcome == "error" for c in cases)))
    suite.set("skipped", str(sum(c.outcome == "skipped" for c in cases)))
    suite.set("time", f"{_span(record):.3f}")
    return suite


def _tally(suites: ET.Element, each: Sequence[ET.Element], seconds: float) -> None:
    for key in ("tests", "failures", "errors", "skipped"):
        suites.set(key, str(sum(int(s.get(key, "0")) for s in each)))
    suites.set("time", f"{seconds:.3f}")


def _properties(record: RunRecord) -> Iterable[tuple[str, object]]:
    yield from (("run", record.run), ("verdict", record.verdict), ("exit_code", record.exit_code))
    yield from ((f"traffic {i.name}", said) for i in record.indicators if (said := answered.sentence(i)))
    yield from (("experiment", record.experiment), ("experiment_hash", record.experiment_hash))
    yield from (("service", record.service), ("context", record.context), ("targets", ", ".join(record.targets)))
    if record.ttd_s is not None:
        yield "ttd_s", f"{'>=' if record.ttd_censored else ''}{record.ttd_s:.3f}"
    if record.ttr_s is not None:
        yield "ttr_s", f"{'>=' if record.ttr_censored else ''}{record.ttr_s:.3f}"
    if record.gameday:
        yield "gameday", record.gameday
    yield from ((f"label {key}", value) for key, value in record.labels.items())


def _cases(record: RunRecord) -> Iterable[_Case]:
    yield from (_hypothesis(h) for h in record.hypothesis)
    yield from (_objective(o, _span(record)) for o in record.objectives)
    yield from (_proof(f) for f in record.faults)
    yield _ended(record)
    yield _put_back(record)


def _hypothesis(h: HypothesisResult) -> _Case:
    name = f"hypothesis: {h.when}"
    if h.met:
        return _Case(name=name)
    said = h.sentence or f"{h.failed} of {words.plural(h.checks, 'check')} failed"
    return _Case(name=name, outcome="failure", kind="hypothesis", message=said)


def _objective(o: ObjectiveResult, seconds: float) -> _Case:
    name = f"objective: {o.name} ({words.objective_goal(o)})"
    if o.verdict == "PASS":
        return _Case(name=name, seconds=seconds)
    kind = "objective" if o.verdict == "FAIL" else "inconclusive"
    return _Case(name=name, outcome="failure", kind=kind, message=o.sentence, seconds=seconds)


def _proof(f: Fault) -> _Case:
    if f.proof != Proof.VACUOUS:
        return _Case(name=f"fault {f.proof}: {f.name}")
    said = f.evidence or "nothing changed: nothing was tested"
    return _Case(name=f"fault proven: {f.name}", outcome="failure", kind="inconclusive", message=said)


def _ended(record: RunRecord) -> _Case:
    """The run itself: an abort, a technical end or an interruption is an error whatever the objectives say."""
    if record.verdict in ("ABORTED", "ENVIRONMENT", "INTERRUPTED"):
        return _Case(name="run ended as planned", outcome="error", kind=record.verdict.lower(), message=record.sentence)
    if record.verdict == "FAIL" and not _explained(record):
        return _Case(name="run ended as planned", outcome="failure", kind="fail", message=record.sentence)
    if record.verdict == "INCONCLUSIVE" and not _explained(record):
        return _Case(name="run ended as planned", outcome="failure", kind="inconclusive", message=record.sentence)
    return _Case(name="run ended as planned")


def _explained(record: RunRecord) -> bool:
    """Whether another case already fails: else the suite would be green against the verdict."""
    return (
        any(not h.met for h in record.hypothesis)
        or any(o.verdict != "PASS" for o in record.objectives)
        or any(f.proof == Proof.VACUOUS for f in record.faults)
    )


def _put_back(record: RunRecord) -> _Case:
    failed = [f"{s.what}: {s.error or 'failed'}" for s in words.last_steps(record.undo) if s.state == UndoState.FAILED]
    left = [*failed, *record.residue]
    if left or record.verdict == "UNDO_FAILED":
        said = "; ".join(left) or record.sentence
        return _Case(name="everything put back", outcome="error", kind="undo", message=said)
    seconds, back = sum(s.seconds for s in record.undo), record.back
    if back.put_back in (PutBack.NO_UNDO, PutBack.UNPLAYED) and record.terms is not None and record.terms.undo_missing:
        return _Case(name="everything put back", outcome="failure", kind="undo", message=back.sentence)
    if back.put_back in (PutBack.PROVEN, PutBack.NOTHING):
        return _Case(name="everything put back", seconds=seconds)
    # Neither is it proven nor has anybody asked for it: a test that passed would say too much.
    return _Case(name="everything put back", outcome="skipped", message=back.sentence, seconds=seconds)


def _case(record: RunRecord, case: _Case) -> ET.Element:
    element = ET.Element("testcase", classname=_legal(f"chaos-run.{record.service}"), name=_legal(case.name))
    element.set("time", f"{case.seconds:.3f}")
    element.set("file", _legal(record.experiment))
    if case.outcome != "passed":
        kind = {"type": case.kind} if case.kind else {}
        told = ET.SubElement(element, case.outcome, {**kind, "message": _legal(case.message)})
        told.text = _legal(record.sentence)
    return element


def _legal(value: object) -> str:
    return words.clean(value)


def _legal_lines(value: str) -> str:
    return "\n".join(words.clean(line) for line in value.split("\n"))
