"""The checks of a cluster on the playground: good while it is well, bad for their own trouble, an error where they cannot read."""

from __future__ import annotations

import json
import re

import pytest

from runner.checks.check import NoData
from tests.playground.kubectl import Kubectl
from tests.probe.checks.conftest import call, reach
from tests.waiting import until

IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"


def make(kubectl: Kubectl, name: str, **spec: object) -> None:
    container = {"name": "app", "image": IMAGE, **({"image": spec.pop("image")} if "image" in spec else {})}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], **spec},
    }
    kubectl("create", "-f", "-", stdin=json.dumps(body))


@pytest.mark.parametrize(
    "name",
    ["pods_crash_looping", "pods_image_missing", "pods_pending", "pod_restarts", "services_without_endpoints"],
)
def test_the_shop_is_well(kubectl: Kubectl, name: str) -> None:
    assert call(name, namespace="shop").startswith("good: ")


@pytest.mark.parametrize("name", ["nodes_not_ready", "nodes_disk_pressure", "nodes_memory_pressure"])
def test_its_nodes_are_well(kubectl: Kubectl, name: str) -> None:
    assert ": 0 (3 looked at)" in call(name)


def test_an_image_that_cannot_be_pulled_is_seen(kubectl: Kubectl) -> None:
    make(kubectl, "no-image", image="registry.example/none:1")
    found = until(
        lambda: (said := call("pods_image_missing", labels="app=no-image")).startswith("bad") and said, "it is seen"
    )
    assert "shop/no-image; 1 looked at" in str(found)
    kubectl("delete", "pod", "no-image", "--now")


@pytest.mark.slow("a container has to be restarted before it waits")
def test_a_crash_loop_is_seen(kubectl: Kubectl) -> None:
    """A container whose probe never succeeds is restarted again and again, a little later each time."""
    probe = {"httpGet": {"path": "/no", "port": 1}, "periodSeconds": 1, "failureThreshold": 1}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "crash"},
        "spec": {"containers": [{"name": "app", "image": IMAGE, "livenessProbe": probe}]},
    }
    kubectl("create", "-f", "-", stdin=json.dumps(body))
    until(lambda: call("pods_crash_looping", namespace="shop").startswith("bad"), "it waits in CrashLoopBackOff")
    assert "most restarts of a container in an hour: 1 (shop/crash" in call("pod_restarts", namespace="shop", limit=0)
    kubectl("delete", "pod", "crash", "--now")


def test_a_pod_without_a_node_is_pending_for_longer_and_longer(kubectl: Kubectl) -> None:
    make(kubectl, "homeless", nodeSelector={"kubernetes.io/hostname": "none"})
    until(
        lambda: call("pods_pending", labels="app=homeless", limit="1s").startswith("bad"),
        "it is pending for over a second",
    )
    assert call("pods_pending", labels="app=homeless").startswith("good: ")
    kubectl("delete", "pod", "homeless", "--now")


def test_a_service_that_finds_no_pod_is_seen(kubectl: Kubectl) -> None:
    kubectl("create", "service", "clusterip", "lonely", "--tcp=80")
    assert call("services_without_endpoints", namespace="shop", service="lonely").startswith(
        "bad: services without a ready endpoint: 1 (shop/lonely"
    )
    assert call("services_without_endpoints", namespace="shop", service="shop").startswith("good: ")
    kubectl("delete", "service", "lonely")


@pytest.mark.parametrize(
    ("name", "condition", "status"),
    [
        ("nodes_not_ready", "Ready", "False"),
        ("nodes_disk_pressure", "DiskPressure", "True"),
        ("nodes_memory_pressure", "MemoryPressure", "True"),
    ],
)
def test_a_sick_node_is_seen(kubectl: Kubectl, name: str, condition: str, status: str) -> None:
    (node, *_) = kubectl.names("nodes")
    before = kubectl.get("node", node)["status"]["conditions"]
    sick = [c | ({"status": status} if c["type"] == condition else {}) for c in before]
    for conditions, said in ((sick, f"bad: .*: 1 \\({node}; 3 looked at\\)"), (before, "good: ")):
        kubectl(
            "patch",
            "node",
            node,
            "--subresource=status",
            "--type=merge",
            "-p",
            json.dumps({"status": {"conditions": conditions}}),
        )
        assert re.match(said, call(name))


def test_nodes_are_counted_against_the_most_that_there_may_be(kubectl: Kubectl) -> None:
    assert call("node_count", max=3).startswith("bad: nodes, of how many there may be: 100 % (3 of 3)")
    assert call("node_count", max=4).startswith("good: ")


@pytest.mark.parametrize("name", ["cpu_of_requests", "memory_of_requests", "hpa_mismatch"])
def test_what_the_cluster_does_not_serve_is_no_data(kubectl: Kubectl, name: str) -> None:
    with pytest.raises(NoData, match="the Kubernetes API does not say"):
        call(name, namespace="shop")


def test_what_is_not_there_is_no_data(kubectl: Kubectl) -> None:
    with pytest.raises(NoData, match="no pods found with namespace nowhere"):
        call("pods_crash_looping", namespace="nowhere")


def test_a_cluster_that_does_not_answer_is_no_data(monkeypatch: pytest.MonkeyPatch, kubectl: Kubectl) -> None:
    gone = kubectl.kubeconfig.read_text("utf-8")
    server = kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
    path = kubectl.kubeconfig.with_name("gone")
    path.write_text(gone.replace(server, "http://127.0.0.1:9"), "utf-8")
    reach(monkeypatch, path)
    with pytest.raises(NoData, match=r"127\.0\.0\.1:9 cannot be reached"):
        call("pods_crash_looping")
