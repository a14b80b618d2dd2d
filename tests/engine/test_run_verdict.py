"""The verdict of a run from its record: every reason that decides it, each alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.engine.conclude import verdict_and_exit_code
from runner.errors import ExitCode
from runner.timeline.record import Fault, HypothesisResult, ObjectiveResult, RunRecord, Terms, UndoStep, Wait
from runner.timeline.vocabulary import MarkName
from tests.fakes import experiments

TERMS = Terms(injecting=True, acted=True, recovery_s=60.0)
FAULT = Fault(
    name="kill", targets=("pod/shop/a",), proof="proven", evidence="1 of 1 pods are gone", undo_owner="system"
)
WAIT = Wait(after="kill", probe="up", met=True, within_s=9.0, waited_s=1.0, sentence="'up' held 1s after 'kill'")


def run(**changes: object) -> RunRecord:
    """A run whose fault bit, whose objective held, and that recovered after 12.5 seconds."""
    whole = replace(
        experiments.record(), terms=TERMS, faults=(FAULT,), undo=(UndoStep(step=1, what="mend", state="undone"),)
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def verdict(**changes: object) -> tuple[str, str]:
    found = verdict_and_exit_code.with_verdict(run(**changes))
    assert found.exit_code == ExitCode[found.verdict]
    return found.verdict, found.sentence


def objective(**changes: object) -> tuple[ObjectiveResult, ...]:
    (one,) = experiments.record().objectives
    return (replace(one, **changes),)  # type: ignore[arg-type]


def test_a_fault_that_bit_and_objectives_that_held_are_a_pass() -> None:
    assert verdict()[0] == "PASS"


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"objectives": objective(verdict="FAIL", bad=900)}, "FAIL", "availability"),
        ({"objectives": objective(verdict="INCONCLUSIVE")}, "INCONCLUSIVE", "availability"),
        ({"hypothesis": (HypothesisResult(when="after", met=False, sentence="503"),)}, "FAIL", "the hypothesis did not hold"),
        ({"hypothesis": (HypothesisResult(when="recovered", met=False, sentence="503"),)}, "FAIL", "the hypothesis did not hold"),
        ({"terms": replace(TERMS, recovered_within_s=12.0)}, "FAIL", "expected within 12s"),
        ({"terms": replace(TERMS, detected_within_s=4.0)}, "FAIL", "expected within 4s"),
        ({"terms": replace(TERMS, detected_within_s=4.0), "ttd_censored": True}, "FAIL", "not detected, expected within 4s"),
        ({"terms": replace(TERMS, detected_within_s=9.0), "ttd_censored": True}, "INCONCLUSIVE",
         "whether the fault was detected within 9s is unknown: watched for 4.2s only, of 9s"),
        ({"waits": (replace(WAIT, met=False, sentence="'up' did not hold within 9s"),)}, "FAIL", "'up' did not hold within 9s"),
        ({"waits": (WAIT,)}, "PASS", ""),
        ({"terms": replace(TERMS, half_way={"kill": "it timed out"})}, "INCONCLUSIVE", "it timed out"),
        ({"faults": ()}, "INCONCLUSIVE", "nothing was tested"),
        ({"faults": (replace(FAULT, proof="vacuous", evidence="no pod matches"),)}, "INCONCLUSIVE", "no pod matches"),
        ({"objectives": (), "hypothesis": ()}, "INCONCLUSIVE", "nothing was measured"),
        ({"terms": replace(TERMS, stopped_by="guard", stopped_why="3 % bad")}, "ABORTED", "3 % bad"),
        ({"terms": replace(TERMS, stopped_by="person", stopped_why="stopped by ann")}, "ABORTED", "stopped by ann"),
        ({"terms": replace(TERMS, stopped_by="runner", stopped_why="the watch ended")}, "ENVIRONMENT", "the watch ended"),
        ({"terms": replace(TERMS, clean=False)}, "UNDO_FAILED", ""),
        ({"residue": ("node n1 is cordoned",)}, "UNDO_FAILED", "node n1 is cordoned"),
    ],
)  # fmt: skip
def test_each_reason_alone_decides(changes: dict[str, object], code: str, said: str) -> None:
    found, sentence = verdict(**changes)
    assert found == code
    assert said in sentence


def test_a_silent_action_beside_one_that_bit_takes_nothing_from_the_proof() -> None:
    pause = Fault(name="wait", proof="silent", evidence="the action reports nothing")
    found, sentence = verdict(faults=(FAULT, pause))
    assert found == "PASS"
    assert "the fault took effect (proven)" in sentence


@pytest.mark.parametrize("within", ["recovered_within_s", "detected_within_s"])
def test_an_expectation_that_was_met_is_no_failure(within: str) -> None:
    assert verdict(terms=replace(TERMS, **{within: 20.0}))[0] == "PASS"  # type: ignore[arg-type]


def test_a_run_that_a_person_stopped_before_any_action_was_interrupted() -> None:
    terms = replace(TERMS, acted=False, stopped_by="person", stopped_why="interrupted by Ctrl-C")
    assert verdict(terms=terms, faults=())[0] == "INTERRUPTED"


def test_a_run_that_never_recovered_fails() -> None:
    marks = tuple(m for m in experiments.record().marks if m.name != "recovered")
    found, sentence = verdict(marks=marks, ttr_s=65.0, ttr_censored=True, terms=replace(TERMS, recovered_within_s=10.0))
    assert found == "FAIL"
    assert sentence == "not recovered within 1m; not recovered, expected within 10s"


@pytest.mark.parametrize(
    ("within", "code"), [(8.0, "FAIL"), (12.0, "INCONCLUSIVE"), (16.0, "INCONCLUSIVE"), (17.0, "PASS")]
)
def test_an_expected_recovery_that_time_without_measurement_could_turn_is_a_doubt(within: float, code: str) -> None:
    record = experiments.record()
    assert record.ttr_s == 12.5
    marks = tuple(replace(m, unmeasured_s=8.0) if m.name == "recovered" else m for m in record.marks)
    found, sentence = verdict(marks=marks, terms=replace(TERMS, recovered_within_s=within))
    assert found == code
    assert ("it did between 8.5s and 16.5s, not all of which was measured" in sentence) == (code == "INCONCLUSIVE")


def test_that_nobody_saw_how_users_were_is_no_missing_recovery() -> None:
    marks = tuple(
        replace(m, name=MarkName.UNWATCHED) if m.name == "recovered" else m for m in experiments.record().marks
    )
    found, sentence = verdict(marks=marks, ttr_censored=True)
    assert found == "INCONCLUSIVE"
    assert sentence == "whether and when the service recovered is unknown: too little was measured"


def test_what_is_left_behind_outweighs_everything_else() -> None:
    worst = verdict(
        residue=("node n1 is cordoned",),
        objectives=objective(verdict="FAIL", bad=900),
        terms=replace(TERMS, stopped_by="guard", stopped_why="3 % bad"),
    )
    assert worst[0] == "UNDO_FAILED"


def test_a_gate_takes_what_was_left_injected_for_worst_and_an_abort_for_worse_than_a_failure() -> None:
    ordered = sorted(ExitCode, key=lambda code: code.severity)
    assert ordered[-1] is ExitCode.UNDO_FAILED
    assert ordered[0] is ExitCode.PASS
    assert ExitCode.ABORTED.severity > ExitCode.FAIL.severity > ExitCode.INCONCLUSIVE.severity
    assert ExitCode.FAIL.severity > ExitCode.ENVIRONMENT.severity
