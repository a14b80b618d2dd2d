"""A pod or an object that was on its way out before the run is no proof of anything; one that goes now is, and is not called gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runner.faults.kubernetes import known_actions
from runner.faults.kubernetes.client import Cluster
from tests.fakes.kube_api import KubeApi, serving

PODS = "/api/v1/namespaces/shop/pods"
KILL = "chaosk8s.pod.actions.terminate_pods"
DRAIN = "chaosk8s.node.actions.drain_nodes"
LEAVING = {"metadata": {"deletionTimestamp": "2026-11-27T18:00:00Z", "finalizers": ["ours/held"]}}


@pytest.fixture
def api() -> Iterator[KubeApi]:
    """A node with three pods of a shop, `a` on its way out."""
    found = KubeApi()
    for name in "abc":
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shop", "uid": "r", "controller": True}
        meta = {"name": name, "namespace": "shop", "labels": {"app": "shop"}, "ownerReferences": [owner]}
        spec = {"nodeName": "one", "containers": [{"name": "shop"}]}
        found.put(f"{PODS}/{name}", {"metadata": meta, "spec": spec, "status": {"phase": "Running"}})
    found.edit(f"{PODS}/a", LEAVING)
    found.put("/api/v1/nodes/one", {"metadata": {"name": "one"}, "spec": {}, "status": {}})
    return found


@pytest.fixture
def cluster(api: KubeApi) -> Iterator[Cluster]:
    with serving(api) as url:
        yield Cluster({"KUBERNETES_HOST": url})


def _before(cluster: Cluster, action: str, **arguments: Any) -> Any:
    return known_actions.ACTIONS[action](cluster, "it", arguments)


def _seen(cluster: Cluster, found: Any) -> Any:
    confirm = known_actions.CONFIRM[found.kind]
    assert confirm is not None
    return confirm(cluster, found.before)


def test_a_pod_that_was_leaving_already_is_no_target_of_a_kill_and_proves_nothing(
    api: KubeApi, cluster: Cluster
) -> None:
    first = _before(cluster, KILL, ns="shop", label_selector="app=shop")
    assert (first.targets, "on the way out already" in first.note) == ((), True), first.note
    every = _before(cluster, KILL, ns="shop", label_selector="app=shop", all=True)
    assert every.targets == ("pod/shop/b", "pod/shop/c")
    del api.objects[f"{PODS}/a"]
    found = _seen(cluster, every)
    assert (found.confirmed, found.targets) == (False, ()), found.sentence


def test_a_pod_that_ends_with_its_grace_is_proof_and_is_said_to_be_on_the_way_out(
    api: KubeApi, cluster: Cluster
) -> None:
    target = _before(cluster, KILL, ns="shop", label_selector="app=shop", all=True)
    api.edit(f"{PODS}/b", LEAVING)
    found = _seen(cluster, target)
    assert (found.confirmed, found.targets) == (True, ("pod/shop/b",))
    assert found.sentence == "0 of 2 pods are gone by their UID: none; 1 on the way out: b"
    del api.objects[f"{PODS}/b"]
    assert _seen(cluster, target).sentence == "1 of 2 pods are gone by their UID: b"


def test_a_drain_is_proven_by_pods_that_were_not_leaving_before(api: KubeApi, cluster: Cluster) -> None:
    target = _before(cluster, DRAIN, name="one")
    assert target.note.endswith("2 to evict")
    del api.objects[f"{PODS}/a"]
    assert not _seen(cluster, target).confirmed
    api.edit(f"{PODS}/b", LEAVING)
    found = _seen(cluster, target)
    assert (found.confirmed, found.targets) == (True, ("node/one",))
    assert found.sentence.endswith("; 0 of 2 pods left, 1 on the way out")
    del api.objects[f"{PODS}/b"]
    assert _seen(cluster, target).sentence.endswith("; 1 of 2 pods left")


def test_a_node_whose_pods_are_all_leaving_is_not_drained(api: KubeApi, cluster: Cluster) -> None:
    for name in "bc":
        api.edit(f"{PODS}/{name}", LEAVING)
    assert _before(cluster, DRAIN, name="one").targets == ()


def test_what_was_being_deleted_already_is_not_deleted_by_us(api: KubeApi, cluster: Cluster) -> None:
    service = "/api/v1/namespaces/shop/services/front"
    api.put(service, {"metadata": {"name": "front", "namespace": "shop"}})
    target = _before(cluster, "chaosk8s.service.actions.delete_service", name="front", ns="shop")
    api.edit(service, LEAVING)
    assert _seen(cluster, target).sentence == "0 of 1 are gone by their UID: none; 1 on the way out: service/shop/front"
    again = _before(cluster, "chaosk8s.service.actions.delete_service", name="front", ns="shop")
    assert (again.targets, again.note) == ((), "nothing of that name is there that is not on its way out already")
