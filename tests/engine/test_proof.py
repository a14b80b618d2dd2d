"""How far it is known that an action bit: from what changed, what it says of itself, and what users felt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from runner.engine.execute import proof
from runner.engine.execute.proof import Seen
from runner.experiment.runtime import Runtime
from runner.faults.driver import Evidence, FaultTarget
from runner.timeline.mark import Mark

FELT = Mark(name="effective", at=datetime(2026, 11, 27, tzinfo=UTC), mono_ns=20 * 10**9, error_s=0.5, source="front")
NOTHING = [None, 0, 7, True, {"status": 0, "stdout": "", "stderr": "\n"}]
SOMETHING = [
    "pod-1",
    ["pod-1"],
    {"killed": 1},
    {"status": 0, "stdout": 'pod "a" deleted\n'},
    {"status": 204, "body": ""},
]


def aim(name: str = "act", targets: tuple[str, ...] = (), *, stays: bool = False) -> FaultTarget:
    return FaultTarget(action=name, targets=targets, owner="undoer", stays=stays)


def told(
    *outputs: object, targets: tuple[str, ...] = (), felt: Mark | None = None, began_s: float = 10, **more: Any
) -> list[tuple[str, str]]:
    """Of actions with these outputs, one after another."""
    names = [f"act{n}" for n in range(len(outputs))]
    runs = {
        name: {"started_ns": round(began_s * 1e9), "status": "succeeded", "output": output}
        for name, output in zip(names, outputs, strict=True)
    }
    seen = Seen(more.get("evidence", {}), runs, felt, Runtime())
    return [(f.proof, f.evidence) for f in proof.faults([aim(name, targets) for name in names], seen)]


@pytest.mark.parametrize("output", NOTHING, ids=repr)
def test_an_action_that_says_nothing_and_left_no_trace_is_vacuous(output: object) -> None:
    ((proof, why),) = told(output)
    assert proof == "vacuous"
    assert "it names no target, and no indicator deviated from its baseline" in why


@pytest.mark.parametrize("output", NOTHING, ids=repr)
def test_it_is_assumed_where_its_targets_are_known_or_users_felt_it_afterwards(output: object) -> None:
    assert told(output, targets=("pod/a",))[0][0] == "assumed"
    ((proof, why),) = told(output, felt=FELT)
    assert proof == "assumed"
    assert "front deviated from its baseline after the action had started" in why
    assert told(output, felt=FELT, began_s=20.4)[0][0] == "assumed"
    assert told(output, felt=FELT, began_s=21)[0][0] == "vacuous"


@pytest.mark.parametrize("output", SOMETHING, ids=repr)
def test_an_action_that_says_what_it_did_is_assumed_to_have_done_it(output: object) -> None:
    assert told(output)[0][0] == "assumed"


@pytest.mark.parametrize(
    "output", [False, [], {}, "", {"status": 1, "stdout": "x"}, {"status": 500, "body": "x"}], ids=repr
)
def test_an_action_that_says_it_hit_nothing_is_believed_although_users_felt_something(output: object) -> None:
    assert told(output, felt=FELT)[0][0] == "vacuous"


def test_a_pause_beside_an_action_that_bit_is_silent_and_decides_nothing() -> None:
    assert [proof for proof, _ in told(None, ["pod-1"], 0)] == ["silent", "assumed", "silent"]
    assert [proof for proof, _ in told([], ["pod-1"])] == ["vacuous", "assumed"]
    assert [proof for proof, _ in told(None, 0)] == ["vacuous", "vacuous"]


def test_what_a_change_that_stays_did_makes_no_pause_of_the_fault() -> None:
    runs = {n: {"started_ns": 0, "status": "succeeded", "output": o} for n, o in (("set-up", ["ns"]), ("break", None))}
    found = proof.faults([aim("set-up", stays=True), aim("break")], Seen({}, runs, None, Runtime()))
    assert [f.proof for f in found] == ["assumed", "vacuous"]


GONE = Evidence(confirmed=True, sentence="1 of 1 pods are gone", targets=("pod/a",))
HOLDS = Evidence(confirmed=True, sentence="the probe 'is-down' holds, and did not before the action")
DONE = {"started_ns": 0, "status": "succeeded", "output": ["a"]}
FAILED = {"started_ns": 0, "status": "failed", "exception": ["TimeoutError: timed out\n"]}


def kill(name: str, target: str = "pod/a", **more: Any) -> FaultTarget:
    return FaultTarget(action=name, system="kubernetes", kind="pods", targets=(target,), **more)


def second(runs: dict[str, Any], evidence: Evidence, *, begun: str = "first act", **more: Any) -> tuple[str, str]:
    """How far the second of two actions is proven, when it was looked at after these had begun."""
    seen = Seen({"act": evidence}, {"first": DONE} | runs, None, Runtime(), {"act": tuple(begun.split())})
    _, found = proof.faults([kill("first"), kill("act", **more)], seen)
    return found.proof, found.evidence


def test_nobody_looks_for_the_effect_of_an_action_that_has_not_begun_or_is_proven() -> None:
    actions = [kill("first"), kill("act"), aim("unknown")]
    assert [a.action for a in proof.to_look_at(actions, {}, ["first", "unknown"])] == ["first"]
    assert [a.action for a in proof.to_look_at(actions, {"first": GONE}, ["first", "act"])] == ["act"]


def test_an_action_that_never_started_is_vacuous_whatever_was_seen() -> None:
    assert second({}, GONE) == ("vacuous", "the action was never started")


def test_an_action_that_was_interrupted_is_proven_by_what_changed() -> None:
    assert second({"act": {"started_ns": 0}}, GONE, begun="act") == ("proven", "1 of 1 pods are gone")


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (FAILED, "the action failed: TimeoutError: timed out"),
        (DONE | {"output": []}, "the action reports that it had no effect: []"),
        (DONE | {"output": {"status": 404, "body": ""}}, "the action had no effect: "),
    ],
    ids=["failed", "empty", "refused"],
)
def test_one_that_denies_its_effect_is_proven_only_where_no_other_can_have_had_it(
    run: dict[str, Any], said: str
) -> None:
    for alone in ({"begun": "act"}, {"target": "pod/b"}, {"objects": ("own",)}):
        found, why = second({"act": run}, GONE, **alone)
        assert found == "proven"
        assert why.startswith(said)
        assert why.endswith("; yet 1 of 1 pods are gone")
    for beside in ("first act", "act first"):
        found, why = second({"act": run}, GONE, begun=beside)
        assert found == "vacuous"
        assert why.startswith(said)
        assert why.endswith("; 1 of 1 pods are gone: that may be the work of 'first'")


def test_what_the_action_before_it_may_have_done_is_assumed() -> None:
    found, why = second({"act": DONE}, GONE)
    assert found == "assumed"
    assert "the action reports ['a'], and nothing contradicts it; 1 of 1 pods are gone: that may be" in why
    assert second({"act": DONE}, GONE, begun="act first")[0] == "proven"
    assert second({"act": DONE, "first": FAILED}, GONE)[0] == "proven"


def test_a_probe_proves_an_action_that_has_others_beside_it_unless_it_failed() -> None:
    found, why = second({"act": DONE}, HOLDS, probe="is-down", target="pod/b")
    assert found == "proven"
    assert why == "the probe 'is-down' holds, and did not before the method, in which 'first' began too"
    assert second({"act": DONE}, HOLDS, probe="is-down", begun="act") == ("proven", HOLDS.sentence)
    found, why = second({"act": FAILED}, HOLDS, probe="is-down", target="pod/b")
    assert found == "vacuous"
    assert why.endswith("that may be the work of 'first'")
