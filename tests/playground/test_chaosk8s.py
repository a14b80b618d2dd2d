"""Stock Chaos Toolkit activities, unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed
from kubernetes.config import kube_config

from runner.playground import start
from tests.playground.kubectl import Kubectl
from tests.waiting import until


@pytest.fixture(autouse=True)
def _context(playground: start.Playground, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KUBECONFIG", str(playground.kubeconfig))
    # The client has read the variable when it was imported, perhaps by an earlier test.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(playground.kubeconfig))
    monkeypatch.setenv("KUBERNETES_CONTEXT", "playground")
    yield
    for node in kubectl.names("nodes"):
        kubectl("uncordon", node)
    kubectl.settled(3)


def test_pods_are_counted_and_terminated(kubectl: Kubectl) -> None:
    from chaosk8s.pod import actions, probes

    before = {pod["metadata"]["uid"] for pod in kubectl.items("pods")}
    assert probes.count_pods(label_selector="app=shop", phase="Running", ns="shop") == 3
    actions.terminate_pods(label_selector="app=shop", qty=2, rand=True, ns="shop", grace_period=0)
    until(
        lambda: len(before - {pod["metadata"]["uid"] for pod in kubectl.items("pods")}) == 2,
        "the pods are as they should be",
    )
    until(
        lambda: probes.count_pods(label_selector="app=shop", phase="Running", ns="shop") == 3,
        "the pods are as they should be",
    )
    kubectl("wait", "pod", "--selector=app=shop", "--for=condition=Ready", "--timeout=10s")
    assert probes.pods_in_phase(label_selector="app=shop", phase="Running", ns="shop")
    assert probes.pods_in_conditions("app=shop", [{"type": "Ready", "status": "True"}], ns="shop") is True


def test_logs_are_read(kubectl: Kubectl) -> None:
    from chaosk8s.pod import probes

    logs = probes.read_pod_logs(label_selector="app=shop", ns="shop")
    assert set(logs) == set(kubectl.names("pods"))
    assert all("Started HTTP server on port 8080" in text for text in logs.values())


def test_a_deployment_is_scaled_rolled_and_watched(kubectl: Kubectl) -> None:
    from chaosk8s.deployment import actions, probes

    actions.scale_deployment("shop", 2, ns="shop")
    assert probes.deployment_fully_available("shop", ns="shop", timeout=10) is True
    until(lambda: len(kubectl.names("pods")) == 2, "the pods are as they should be")
    before = set(kubectl.names("pods"))
    actions.rollout_deployment("shop", ns="shop")
    kubectl("rollout", "status", "deployment/shop", "--timeout=20s")
    until(lambda: len(kubectl.names("pods")) == 2, "the pods are as they should be")
    assert not before & set(kubectl.names("pods"))
    assert probes.deployment_available_and_healthy("shop", ns="shop") is True


def test_a_deployment_is_created_from_a_file_and_deleted(kubectl: Kubectl, tmp_path: Path) -> None:
    from chaosk8s.deployment import actions

    made = json.loads(kubectl("create", "deployment", "second", "--image=agnhost", "--dry-run=client", "--output=json"))
    (tmp_path / "second.json").write_text(json.dumps(made))
    actions.create_deployment(str(tmp_path / "second.json"), ns="shop")
    until(lambda: len(kubectl.names("pods", "--selector=app=second")) == 1, "the pods are as they should be")
    actions.delete_deployment("second", ns="shop")
    until(lambda: kubectl.names("pods", "--selector=app=second") == [], "the pods are as they should be")


def test_nodes_are_cordoned_drained_and_uncordoned(kubectl: Kubectl) -> None:
    from chaosk8s.node import actions, probes

    node = kubectl.items("pods")[0]["spec"]["nodeName"]
    assert {n["metadata"]["name"] for n in probes.get_nodes()["items"]} == {"worker1", "worker2", "worker3"}
    actions.cordon_node(name=node)
    assert kubectl.get("node", node)["spec"]["unschedulable"] is True

    def drains() -> bool:
        try:
            return bool(actions.drain_nodes(name=node, timeout=30))
        except ActivityFailed:  # of two pods on it the second may leave only when the first has a successor
            return False

    until(drains, "the shop's disruption budget lets go of every pod")
    assert all(pod["spec"]["nodeName"] != node for pod in kubectl.items("pods"))
    actions.uncordon_node(name=node)
    assert "unschedulable" not in kubectl.get("node", node)["spec"]
    assert probes.all_nodes_must_be_ready_to_schedule() is True


def test_a_service_is_looked_at() -> None:
    from chaosk8s.service import probes

    assert probes.service_is_initialized("shop", ns="shop") is True


def test_stock_chaos_runs_an_experiment(kubectl: Kubectl, tmp_path: Path) -> None:
    done = chaos(tmp_path, EXPERIMENT)
    journal: dict[str, Any] = json.loads((tmp_path / "journal.json").read_text())
    assert done.returncode == 0, done.stderr
    assert journal["status"] == "completed"
    assert journal["deviated"] is False
    assert len(journal["run"][0]["output"]) == 1


def chaos(folder: Path, experiment: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    (folder / "e.json").write_text(json.dumps(experiment))
    program = Path(sys.executable).with_name("chaos")
    words = [str(program), "--no-version-check", "run", "e.json"]
    return subprocess.run(
        words, cwd=folder, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
    )


PODS = {
    "type": "probe",
    "name": "three pods",
    "tolerance": 3,
    "provider": {
        "type": "python",
        "module": "chaosk8s.pod.probes",
        "func": "count_pods",
        "arguments": {"label_selector": "app=shop", "phase": "Running", "ns": "shop"},
    },
}
EXPERIMENT: dict[str, Any] = {
    "title": "a pod dies",
    "description": "and comes back",
    "steady-state-hypothesis": {"title": "three", "probes": [PODS]},
    "method": [
        {
            "type": "action",
            "name": "kill",
            "provider": {
                "type": "python",
                "module": "chaosk8s.pod.actions",
                "func": "terminate_pods",
                "arguments": {"label_selector": "app=shop", "qty": 1, "ns": "shop", "grace_period": 0},
            },
            "pauses": {"after": 5},
        }
    ],
}
