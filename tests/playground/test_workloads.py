"""What the controllers do, seen through kubectl; each test in a namespace of its own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from runner.playground import start
from tests.playground.kubectl import PROGRAM, Kubectl

IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"


@pytest.fixture
def own(playground: start.Playground) -> Iterator[Kubectl]:
    kubectl = Kubectl(playground.kubeconfig, f"own-{time.monotonic_ns():x}")
    kubectl("create", "namespace", kubectl.namespace)
    yield kubectl
    kubectl("delete", "namespace", kubectl.namespace, "--timeout=20s")
    assert kubectl.items("pods", "--field-selector=metadata.namespace=" + kubectl.namespace) == []


def workload(kind: str, name: str, image: str = IMAGE, container: dict[str, Any] | None = None, **spec: Any) -> str:
    labels = {"app": name}
    inner = {"name": "c", "image": image, "args": ["netexec"]} | (container or {})
    template = {"metadata": {"labels": labels}, "spec": {"containers": [inner], "terminationGracePeriodSeconds": 1}}
    body = {"selector": {"matchLabels": labels}, "template": template} | spec
    return json.dumps({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": body})


def test_a_stateful_set_numbers_its_pods(own: Kubectl) -> None:
    own("apply", "-f", "-", stdin=workload("StatefulSet", "db", serviceName="db", replicas=2))
    own("wait", "--for=jsonpath={.status.readyReplicas}=2", "statefulset/db", "--timeout=20s")
    assert own.names("pods") == ["db-0", "db-1"]
    own("scale", "statefulset/db", "--replicas=1")
    own("wait", "--for=delete", "pod/db-1", "--timeout=20s")
    assert own.names("pods") == ["db-0"]


def test_a_daemon_set_has_a_pod_on_each_node_and_drain_leaves_it(own: Kubectl) -> None:
    own("apply", "-f", "-", stdin=workload("DaemonSet", "agent"))
    own("wait", "--for=jsonpath={.status.numberReady}=3", "daemonset/agent", "--timeout=20s")
    try:
        refused = own.run("drain", "worker2", "--pod-selector=app=agent", "--delete-emptydir-data")
        own("drain", "worker2", "--pod-selector=app=agent", "--ignore-daemonsets")
    finally:
        own("uncordon", "worker2")
    assert refused.returncode == 1
    assert "cannot delete DaemonSet-managed Pods" in refused.stderr
    assert {p["spec"]["nodeName"] for p in own.items("pods")} == {"worker1", "worker2", "worker3"}


def test_an_image_that_is_not_there_is_waited_for(own: Kubectl) -> None:
    own("apply", "-f", "-", stdin=workload("Deployment", "web", image="nowhere.invalid/web:1"))
    own("wait", "pod", "--selector=app=web", "--timeout=20s", "--for=" + WAITING.format("ImagePullBackOff"))
    assert own.run("rollout", "status", "deployment/web", "--timeout=1s").returncode == 1


WAITING = "jsonpath={{.status.containerStatuses[0].state.waiting.reason}}={}"


def test_a_container_that_fails_its_liveness_probe_is_restarted_ever_later(own: Kubectl) -> None:
    probe = {"httpGet": {"path": "/", "port": 1}, "periodSeconds": 1, "failureThreshold": 1}
    own("apply", "-f", "-", stdin=workload("Deployment", "sick", container={"livenessProbe": probe}))
    own("wait", "pod", "--selector=app=sick", "--timeout=30s", "--for=" + WAITING.format("CrashLoopBackOff"))
    pod = own.items("pods")[0]
    assert pod["status"]["containerStatuses"][0]["restartCount"] >= 1


def test_pods_of_an_orphaned_set_stay_and_are_adopted_again(own: Kubectl) -> None:
    own("apply", "-f", "-", stdin=workload("ReplicaSet", "web", replicas=1))
    own("wait", "--for=jsonpath={.status.readyReplicas}=1", "replicaset/web", "--timeout=20s")
    pods = own.names("pods")
    own("delete", "replicaset", "web", "--cascade=orphan")
    assert "ownerReferences" not in own.items("pods")[0]["metadata"]
    own("apply", "-f", "-", stdin=workload("ReplicaSet", "web", replicas=1))
    own("wait", "--for=jsonpath={.status.readyReplicas}=1", "replicaset/web", "--timeout=20s")
    assert own.names("pods") == pods


def test_a_pod_that_fits_nowhere_waits_and_says_why(own: Kubectl) -> None:
    spec = {"nodeSelector": {"disk": "fast"}, "containers": [{"name": "c", "image": IMAGE}]}
    own(
        "apply",
        "-f",
        "-",
        stdin=json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lost"}, "spec": spec}),
    )
    own("wait", "pod/lost", "--for=condition=PodScheduled=false", "--timeout=10s")
    events = own("events", "--for=pod/lost")
    assert "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector." in events


def test_a_watch_with_a_selector_sees_objects_come_and_go(own: Kubectl) -> None:
    words = [
        "get",
        "configmaps",
        "--watch",
        "--output-watch-events",
        "--selector=colour=red",
        "--no-headers",
    ]
    command = [PROGRAM, f"--kubeconfig={own.kubeconfig}", f"--namespace={own.namespace}", *words]
    own("create", "configmap", "before")
    own("label", "configmap", "before", "colour=red")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split()[:2] == ["ADDED", "before"], "it watches"
        own("create", "configmap", "one")
        own("label", "configmap", "one", "colour=red")
        own("annotate", "configmap", "one", "a=b")
        own("label", "configmap", "one", "colour=blue", "--overwrite")
        seen = [watching.stdout.readline().split()[:2] for _ in range(3)]
        watching.kill()
    assert seen == [["ADDED", "one"], ["MODIFIED", "one"], ["DELETED", "one"]]


def test_a_list_comes_in_pages(own: Kubectl) -> None:
    for number in range(5):
        own("create", "configmap", f"map-{number}")
    path = f"/api/v1/namespaces/{own.namespace}/configmaps?limit=2"
    names, more = [], ""
    while True:
        page = json.loads(own("get", f"--raw={path}{more}"))
        assert len(page["items"]) <= 2
        names += [item["metadata"]["name"] for item in page["items"]]
        if not (token := page["metadata"].get("continue")):
            break
        more = f"&continue={token}"
    assert names == ["kube-root-ca.crt", *(f"map-{number}" for number in range(5))]
