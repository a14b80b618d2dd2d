"""How far it is known that an action bit: from what changed, what it says of itself, and what users felt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from runner.engine.execute import proof
from runner.engine.execute.proof import Seen
from runner.experiment.runtime import Runtime
from runner.faults.driver import FaultTarget
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
