"""Chaos Mesh: an object is one action with its own spec; a workflow is its line of time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.faults.chaos_mesh import wanted
from tests.conversion import sampled


def test_an_object_is_injected_with_its_own_spec_as_long_as_it_says() -> None:
    found = sampled.of("chaos-mesh-delay.yaml")
    (action,) = found.document["method"]
    assert action["provider"]["func"] == "inject"
    arguments = action["provider"]["arguments"]
    assert (arguments["kind"], arguments["ns"], arguments["duration"]) == ("NetworkChaos", "shop", "1m30s")
    assert arguments["spec"]["delay"] == {"latency": "300ms", "jitter": "30ms", "correlation": "25"}
    assert "duration" not in arguments["spec"]
    assert action["pauses"] == {"after": 90}
    assert found.document["extensions"][0]["service"] == "cart"


def test_what_the_api_server_would_drop_without_a_word_is_told() -> None:
    lost = sampled.losses(sampled.of("chaos-mesh-delay.yaml"))
    assert lost["spec.pace"][0] == lost["spec.scheduler"][0] == lost["metadata.annotations"][0] == "lost"
    assert "no such field" in lost["spec.pace"][1]


def test_a_schedule_is_what_it_would_have_made_once() -> None:
    found = sampled.of("chaos-mesh-schedule.yaml")
    (action,) = found.document["method"]
    assert action["provider"]["arguments"]["spec"]["action"] == "pod-kill"
    assert "pauses" not in action
    assert {"spec.schedule", "spec.podChaos.duration"} <= set(sampled.losses(found))


def test_a_workflow_is_laid_out_on_one_line_of_time() -> None:
    """Ten calm seconds, two faults at once for 40 s, then kills until the deadline of 100 s."""
    method = sampled.of("chaos-mesh-workflow.yaml").document["method"]
    assert [a["name"] for a in method] == ["slow", "busy", "kills"]
    begins, now = [], 0.0
    for action in method:
        now += action.get("pauses", {}).get("before", 0)
        begins.append(now)
        now += action.get("pauses", {}).get("after", 0)
    assert begins == [10, 10, 50]
    assert now == 100
    assert [a["provider"]["arguments"].get("duration") for a in method] == ["40s", "20s", None]


def test_what_a_deadline_cuts_off_and_what_nobody_calls_is_told() -> None:
    lost = sampled.losses(sampled.of("chaos-mesh-workflow.yaml"))
    assert "over before it begins" in lost["spec.templates[9]"][1]
    assert lost["spec.templates[10]"] == ("lost", "the entry does not lead to it")
    assert lost["spec.templates[0].deadline"][0] == "changed"
    assert "no branches" in lost["spec.templates[7].conditionalBranches"][1]


def test_the_checks_of_a_workflow_are_its_hypothesis() -> None:
    found = sampled.of("chaos-mesh-workflow.yaml")
    page, ask = found.document["steady-state-hypothesis"]["probes"]
    assert page["tolerance"] == 200
    assert page["provider"] == {
        "type": "http",
        "url": "https://shop.example/health",
        "timeout": 3,
        "headers": {"X-Drill": "yes"},
    }
    assert ask["tolerance"] == {"type": "range", "range": [200, 299], "target": "status"}
    assert ask["provider"]["arguments"] == {"item": 1}
    assert "inside of the cluster" in sampled.losses(found)["spec.templates[6].statusCheck.http.url"][1]
    assert "https://shop.example/health" in found.text.partition("# traffic:")[2]


def test_what_a_check_leaves_to_chaos_mesh_is_as_there_and_told() -> None:
    """It asks every ten seconds, for one second; the hypothesis would ask every second."""
    check = {"type": "HTTP", "http": {"url": "https://shop.example/", "criteria": {"statusCode": "200"}}}
    fault = {"name": "f", "templateType": "NetworkChaos", "deadline": "20s", "networkChaos": _object(None)["spec"]}
    templates = [
        {"name": "a", "templateType": "Serial", "children": ["c", "f"]},
        {"name": "c", "templateType": "StatusCheck", "statusCheck": check},
        fault,
    ]
    found = sampled.quickly(_object() | {"kind": "Workflow", "spec": {"entry": "a", "templates": templates}})
    assert found.document["extensions"][0]["hypothesis"] == {"frequency": "10s"}
    assert found.document["steady-state-hypothesis"]["probes"][0]["provider"]["timeout"] == 1
    told = {path.rpartition(".")[2] for path, (kind, _) in sampled.losses(found).items() if kind == "assumed"}
    assert told == {"intervalSeconds", "timeoutSeconds"}


def test_a_fault_without_an_end_gets_one_and_it_is_told(tmp_path: Path) -> None:
    found = sampled.converted(_object(duration=None), tmp_path)
    (action,) = found.document["method"]
    assert action["provider"]["arguments"]["duration"] == "60s"
    assert sampled.losses(found)["spec.duration"][0] == "assumed"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": "JVMChaos"}, "has no driver here"),
        ({"kind": "NetworkChoas"}, "no kind 'NetworkChoas'"),
        ({"kind": "StatusCheck"}, "strikes nothing by itself"),
        ({"apiVersion": "chaos-mesh.org/v2"}, "only chaos-mesh.org/v1alpha1"),
        ({"spec": {}}, "has no spec"),
        ({"spec": ["x"]}, "has to be a mapping"),
        ({"spec": {"action": "delay", "mode": "one", "duration": "soon"}}, "'soon' is not a duration"),
    ],
)
def test_what_cannot_be_converted_is_one_error_with_its_place(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(errors.InvalidFile, match=said) as caught:
        sampled.converted(_object() | changed, tmp_path)
    assert "changed.json:1:" in caught.value.rendered


def test_another_cluster_than_the_cleared_one_is_refused(tmp_path: Path) -> None:
    tree = _object()
    tree["spec"]["remoteCluster"] = "other"
    with pytest.raises(errors.InvalidFile, match="another cluster"):
        sampled.converted(tree, tmp_path)


def test_what_is_struck_again_and_again_and_cut_off_once_is_not_called_lost() -> None:
    fault = {"name": "f", "templateType": "NetworkChaos", "deadline": "20s", "networkChaos": _object(None)["spec"]}
    entry = {"name": "a", "templateType": "Serial", "deadline": "30s", "children": ["f", "f", "f"]}
    found = sampled.quickly(_object() | {"kind": "Workflow", "spec": {"entry": "a", "templates": [entry, fault]}})
    assert [a["provider"]["arguments"]["duration"] for a in found.document["method"]] == ["20s", "10s"]
    assert not any(kind == "lost" for kind, _ in sampled.losses(found).values())


def test_what_is_struck_again_is_another_object() -> None:
    """Our driver names an object by its arguments, and a second of the name is refused."""
    fault = {"name": "f", "templateType": "NetworkChaos", "deadline": "20s", "networkChaos": _object(None)["spec"]}
    entry = {"name": "a", "templateType": "Serial", "children": ["f", "f", "f"]}
    found = sampled.quickly(_object() | {"kind": "Workflow", "spec": {"entry": "a", "templates": [entry, fault]}})
    made = [wanted.read("run", one["provider"]["arguments"]) for one in found.document["method"]]
    assert len({one.name for one in made}) == 3
    assert [one["provider"]["arguments"]["duration"] for one in found.document["method"]] == ["20s"] * 3


def test_the_rollback_of_plain_chaos_toolkit_ends_what_was_made() -> None:
    (rollback,) = sampled.of("chaos-mesh-delay.yaml").document["rollbacks"]
    assert rollback["provider"]["arguments"] == {"ns": "shop"}


def test_a_workflow_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    templates = [{"name": "a", "templateType": "Serial", "children": ["a"]}]
    tree = _object() | {"kind": "Workflow", "spec": {"entry": "a", "templates": templates}}
    with pytest.raises(errors.InvalidFile, match="leads to itself"):
        sampled.converted(tree, tmp_path)


def _object(duration: str | None = "30s") -> dict[str, Any]:
    spec = {"action": "loss", "mode": "one", "selector": {"labelSelectors": {"app": "a"}}, "loss": {"loss": "10"}}
    return {
        "apiVersion": "chaos-mesh.org/v1alpha1",
        "kind": "NetworkChaos",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": spec | ({"duration": duration} if duration else {}),
    }
