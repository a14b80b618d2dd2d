"""A stress of CPU is proven by the autoscaler of its own pods, and only where stress-ng runs or has run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runner.faults import identity
from runner.faults.driver import Evidence, FaultTarget
from runner.faults.kubernetes import known_actions
from runner.faults.kubernetes.client import Cluster
from tests.fakes.kube_api import KubeApi, serving

SPACE = "/api/v1/namespaces/shop"
APPS = "/apis/apps/v1/namespaces/shop"
SCALERS = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
RAN = {"startedAt": "2026-11-27T18:00:00Z", "finishedAt": "2026-11-27T18:00:40Z", "exitCode": 143}
FAILED = {**RAN, "finishedAt": "2026-11-27T18:00:01Z", "exitCode": 127}
NEVER_STARTED = {**RAN, "startedAt": "1970-01-01T00:00:00Z", "exitCode": 128, "reason": "StartError"}


def _controller(kind: str, name: str) -> dict[str, Any]:
    return {"ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": True}]}


@pytest.fixture
def api() -> KubeApi:
    """Two pods of a deployment, its autoscaler, and one of another deployment in its namespace."""
    found = KubeApi()
    found.put(f"{APPS}/replicasets/web-7", {"metadata": {"name": "web-7", **_controller("Deployment", "web")}})
    for name in ("web-7-a", "web-7-b"):
        meta = {"name": name, "namespace": "shop", "labels": {"app": "web"}, **_controller("ReplicaSet", "web-7")}
        pod = {"metadata": meta, "spec": {"containers": [{"name": "c"}]}, "status": {"phase": "Running"}}
        found.put(f"{SPACE}/pods/{name}", pod)
    for name in ("web", "batch"):
        of = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        scaler = {"metadata": {"name": name}, "spec": {"scaleTargetRef": of}, "status": {"desiredReplicas": 2}}
        found.put(f"{SCALERS}/{name}", scaler)
    return found


@pytest.fixture
def cluster(api: KubeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv(identity.VARIABLE, "run-1")
    identity.run_id.cache_clear()
    with serving(api) as url:
        yield Cluster({"KUBERNETES_HOST": url})
    identity.run_id.cache_clear()


def _before(cluster: Cluster) -> FaultTarget:
    action = known_actions.ACTIONS["runner.faults.kubernetes.actions.stress_cpu"]
    return action(cluster, "it", {"label_selector": "app=web", "ns": "shop"})


def _seen(cluster: Cluster, found: FaultTarget) -> Evidence:
    confirm = known_actions.CONFIRM[found.kind]
    assert confirm is not None
    return confirm(cluster, found.before)


def _put(api: KubeApi, pod: str, state: dict[str, Any], run: str = "run-1") -> None:
    """The container of a run in a pod, in that state."""
    name = identity.name(run, {"stress": "cpu"})
    spec = {"ephemeralContainers": [{"name": name, "command": ["sh"]}]}
    api.edit(
        f"{SPACE}/pods/{pod}",
        {"spec": spec, "status": {"ephemeralContainerStatuses": [{"name": name, "state": state}]}},
    )


def _wants(api: KubeApi, name: str, replicas: int) -> None:
    api.edit(f"{SCALERS}/{name}", {"status": {"desiredReplicas": replicas}})


def test_the_autoscaler_of_other_pods_proves_nothing(api: KubeApi, cluster: Cluster) -> None:
    target = _before(cluster)
    _put(api, "web-7-a", {"terminated": RAN})
    _wants(api, "batch", 5)
    found = _seen(cluster, target)
    assert (found.confirmed, found.targets) == (False, ()), found.sentence
    assert "batch" not in found.sentence
    _wants(api, "web", 3)
    found = _seen(cluster, target)
    assert (found.confirmed, found.targets) == (True, ("pod/shop/web-7-a",)), "the pods in which it has run"
    assert found.sentence.endswith("the HPA web wants 3 replicas, before 2")


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        ({"running": {"startedAt": "2026-11-27T18:00:00Z"}}, True),
        ({"terminated": RAN}, True),
        ({"terminated": FAILED}, False),
        ({"terminated": NEVER_STARTED}, False),
        ({"waiting": {"reason": "ErrImagePull"}}, False),
        ({}, False),
    ],
    ids=["runs", "ended", "failed at once", "never started", "no image", "its node says nothing"],
)
def test_an_autoscaler_counts_only_where_stress_runs_or_has_run(
    state: dict[str, Any], counts: bool, api: KubeApi, cluster: Cluster
) -> None:
    target = _before(cluster)
    _put(api, "web-7-b", state)
    _wants(api, "web", 3)
    found = _seen(cluster, target)
    assert (found.confirmed, found.targets) == (counts, ("pod/shop/web-7-b",) * counts), found.sentence
    assert ("no stress-ng of this run is known to have run" in found.sentence) is not counts


def test_what_ran_in_another_pod_of_its_name_or_for_another_run_is_not_ours(api: KubeApi, cluster: Cluster) -> None:
    target = _before(cluster)
    _put(api, "web-7-b", {"terminated": RAN}, run="run-2")
    _put(api, "web-7-a", {"terminated": RAN})
    api.edit(f"{SPACE}/pods/web-7-a", {"metadata": {"uid": "a new pod of the old name"}})
    _wants(api, "web", 3)
    assert not _seen(cluster, target).confirmed
