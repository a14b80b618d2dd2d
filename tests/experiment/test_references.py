"""References are spelt out at load, so that whoever looks at an activity sees the whole of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.engine import processes
from runner.experiment import load

Json = dict[str, Any]
KILL: Json = {
    "type": "action",
    "name": "kill",
    "background": True,
    "provider": {"type": "python", "module": "chaosk8s.pod.actions", "func": "terminate_pods"},
}
PROBE: Json = {
    "type": "probe",
    "name": "up",
    "tolerance": 200,
    "provider": {"type": "http", "url": "http://127.0.0.1:1/", "timeout": 1},
}


def examined(folder: Path, *, method: list[Json], **more: Any) -> load.Examination:
    whole = {"title": "t", "description": "d", "method": method, "rollbacks": [], **more}
    (folder / "x.json").write_text(json.dumps(whole))
    return load.examine(str(folder / "x.json"))


def test_whoever_looks_at_activities_sees_what_a_reference_names(tmp_path: Path) -> None:
    probes = [PROBE, {"ref": "up", "tolerance": [200, 204]}]
    hypothesis = {"title": "h", "probes": probes}
    ours = {"name": "chaos-run", "proof": [{"action": "kill", "probe": "up"}], "accept_no_undo": ["kill"]}
    more: Json = {"steady-state-hypothesis": hypothesis, "rollbacks": [{"ref": "kill"}], "extensions": [ours]}
    seen = examined(tmp_path, method=[KILL, {"ref": "up"}, {"ref": "kill"}], **more)
    assert not seen.errors
    assert seen.experiment
    assert [a["name"] for a in seen.experiment.method] == ["kill", "up", "kill (2)"]
    assert [a["name"] for a in seen.experiment.actions] == ["kill", "kill (2)"]
    assert seen.experiment.rollbacks[0]["provider"] == KILL["provider"]
    assert seen.experiment.document["steady-state-hypothesis"]["probes"][1]["provider"] == PROBE["provider"]
    assert seen.experiment.document["steady-state-hypothesis"]["probes"][1]["tolerance"] == [200, 204]
    rollbacks = {**seen.experiment.document, "method": []}
    assert "chaosk8s.pod.actions" in processes.modules(rollbacks), "by its rollback alone"


def test_only_background_and_tolerance_are_the_references_own(tmp_path: Path) -> None:
    again = {"ref": "kill", "pauses": {"after": 9}, "timeout": 1, "name": "mine"}
    seen = examined(tmp_path, method=[KILL, again, {"ref": "kill", "background": True}])
    assert seen.experiment
    first, second, third = seen.experiment.method
    assert first == KILL
    assert second == {k: v for k, v in KILL.items() if k != "background"} | {"name": "kill (2)"}
    assert third == KILL | {"name": "kill (3)"}


@pytest.mark.parametrize(
    ("part", "ref", "said"),
    [
        ("method", "kil", "there is no activity 'kil'"),
        ("rollbacks", "kil", "there is no activity 'kil'"),
        ("hypothesis", "kil", "there is no activity 'kil'"),
        ("rollbacks", "back", "'back' is a rollback"),
        ("method", "again", "'again' is a reference itself"),
    ],
)
def test_a_reference_to_nothing_is_an_error_where_it_stands(tmp_path: Path, part: str, ref: str, said: str) -> None:
    broken: Json = {"ref": ref, "tolerance": 200}
    back = {"type": "action", "name": "back", "provider": {"type": "process", "path": "true"}}
    seen = examined(
        tmp_path,
        method=[KILL, {"name": "again", "ref": "kill"}, *([broken] if part == "method" else [])],
        rollbacks=[back, *([broken] if part == "rollbacks" else [])],
        **{"steady-state-hypothesis": {"title": "h", "probes": [PROBE, *([broken] if part == "hypothesis" else [])]}},
    )
    (error,) = seen.errors
    assert error.rule == "ref"
    assert error.message.startswith(said)
    assert f'"ref": "{ref}"' in error.text


def test_a_document_without_references_stays_as_it_is(tmp_path: Path) -> None:
    seen = examined(tmp_path, method=[KILL])
    assert seen.experiment
    assert seen.experiment.document == json.loads((tmp_path / "x.json").read_text())
