"""Two actions of one name are two: each is aimed, proven and put back by itself, and what the file says of the name holds for both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runner.engine.execute import proof
from runner.engine.execute.proof import Seen
from runner.experiment import load
from runner.experiment.experiment import Experiment
from runner.experiment.runtime import Runtime
from runner.faults.driver import FaultTarget

Json = dict[str, Any]
UP: Json = {
    "type": "probe",
    "name": "up",
    "tolerance": 200,
    "provider": {"type": "http", "url": "http://127.0.0.1:1/", "timeout": 1},
}


def act(name: str, path: str = "/", kind: str = "action") -> Json:
    return {"type": kind, "name": name, "provider": {"type": "http", "url": f"http://127.0.0.1:1{path}", "timeout": 1}}


def loaded(folder: Path, *method: Json, **ours: Any) -> Experiment:
    whole = {"title": "t", "description": "d", "method": [*method, UP], "rollbacks": []}
    (folder / "x.json").write_text(json.dumps(whole | {"extensions": [{"name": "chaos-run", **ours}]}))
    return load.load(str(folder / "x.json"))


def test_each_action_has_a_name_that_nothing_else_has(tmp_path: Path) -> None:
    method = (act("kill"), act("kill", "/b"), act("kill (2)"), act("up"), {"ref": "kill (2)"}, {"ref": "kill"})
    found = loaded(tmp_path, *method).method
    assert [a["name"] for a in found] == ["kill", "kill (3)", "kill (2)", "up", "kill (2) (2)", "kill (4)", "up"]
    assert found[1] == act("kill", "/b") | {"name": "kill (3)"}
    assert found[5]["provider"] == act("kill", "/b")["provider"], "the last of a name is what a reference names"


def test_a_method_without_two_of_one_name_is_as_it_was_written(tmp_path: Path) -> None:
    method = (act("kill"), act("look", kind="probe"), act("look", "/b", kind="probe"))
    assert loaded(tmp_path, *method).method == (*method, UP)


def test_what_the_file_says_of_a_name_holds_for_all_of_that_name(tmp_path: Path) -> None:
    listed = {"stays": ["kill"], "accept_no_undo": ["kill", "b"], "accept_environment": ["kill"]}
    waits = {"proof": [{"action": "kill", "probe": "up"}], "wait_for": [{"after": "kill", "probe": "up", "within": 1}]}
    block = loaded(tmp_path, act("kill"), act("b"), act("kill"), **listed, **waits).block
    both = ("kill", "kill (2)")
    assert block.stays == block.accept_environment == both
    assert block.accept_no_undo == (*both, "b")
    assert tuple(p.action for p in block.proof) == both
    assert [(w.after, w.probe) for w in block.wait_for] == [(name, "up") for name in both]


def test_the_record_tells_of_as_many_faults_as_there_were(tmp_path: Path) -> None:
    names = [str(a["name"]) for a in loaded(tmp_path, act("kill"), act("kill", "/b")).actions]
    runs: dict[str, Json] = {names[0]: {"started_ns": 0, "status": "succeeded", "output": ["a"]}}
    found = proof.faults([FaultTarget(action=n) for n in names], Seen({}, runs, None, Runtime()))
    assert [(f.name, f.proof) for f in found] == [("kill", "assumed"), ("kill (2)", "vacuous")]


def test_validate_says_that_they_are_told_apart_by_a_number_only(tmp_path: Path) -> None:
    doubts = loaded(tmp_path, act("kill"), act("kill", "/b"), act("look", kind="probe"), act("look")).warnings
    assert any("another activity called 'kill': plan and reports tell them apart by a number only" in d for d in doubts)
    assert any("another activity called 'look': plan and reports cannot tell them apart" in d for d in doubts)


def test_the_document_of_a_run_can_be_run_again_and_says_the_same(tmp_path: Path) -> None:
    listed = {"stays": ["kill"], "accept_no_undo": ["kill"]}
    waits = {"proof": [{"action": "kill", "probe": "up"}], "wait_for": [{"after": "kill", "probe": "up", "within": 1}]}
    once = loaded(tmp_path, act("kill"), act("kill", "/b"), **listed, **waits)
    (tmp_path / "again.json").write_text(json.dumps(once.document))
    again = load.load(str(tmp_path / "again.json"))
    assert again.document == once.document
    assert again.block == once.block
