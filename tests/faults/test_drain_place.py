"""A drain and a zone that fails: who has no other place, and who was let in until the very cordon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runner import errors
from runner.faults import identity
from runner.faults.kubernetes import drain, known_actions
from runner.faults.kubernetes.client import Cluster
from tests.fakes.kube_api import KubeApi, serving

PODS = "/api/v1/namespaces/shop/pods"
CONTROL = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
SYSTEM = [{"key": CONTROL["key"], "effect": "NoSchedule"}, {"key": "CriticalAddonsOnly", "operator": "Exists"}]
"""What CoreDNS tolerates."""
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def _node(api: KubeApi, name: str, zone: str, *taints: dict[str, str], **status: Any) -> None:
    meta = {"name": name, "labels": {drain.ZONE: zone}}
    api.put(f"/api/v1/nodes/{name}", {"metadata": meta, "spec": {"taints": list(taints)}, "status": status or READY})


def _pod(api: KubeApi, name: str, node: str = "worker", **spec: Any) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": name, "controller": True}
    meta = {"name": name, "namespace": "shop", "ownerReferences": [owner]}
    pod = {"nodeName": node, "containers": [{"name": "c"}], **spec}
    api.put(f"{PODS}/{name}", {"metadata": meta, "spec": pod, "status": {"phase": "Running"}})


@pytest.fixture
def api() -> KubeApi:
    """One worker with a pod, and a control plane that takes nobody."""
    found = KubeApi()
    _node(found, "worker", "zone-a")
    _node(found, "control", "zone-b", CONTROL)
    _pod(found, "web")
    return found


@pytest.fixture
def cluster(api: KubeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv(identity.VARIABLE, "run-1")
    identity.run_id.cache_clear()
    with serving(api) as url:
        yield Cluster({"KUBERNETES_HOST": url})
    identity.run_id.cache_clear()


def _plan(cluster: Cluster, function: str, **arguments: Any) -> str:
    return known_actions.ACTIONS[f"runner.faults.kubernetes.actions.{function}"](cluster, "it", arguments).note


def _fail(cluster: Cluster) -> dict[str, Any]:
    return drain.cut_off(cluster, {"zone": "zone-a", "timeout": 5})


def _drain(cluster: Cluster) -> dict[str, Any]:
    return drain.drain(cluster, cluster.nodes("worker"), {"timeout": 5})


def test_a_tainted_control_plane_is_no_other_node_that_takes_pods(api: KubeApi, cluster: Cluster) -> None:
    for function in (lambda: _plan(cluster, "fail_zone", zone="zone-a"), lambda: _fail(cluster)):
        with pytest.raises(errors.EnvironmentFailure) as refused:
            function()
        assert f"takes pods (control: taint {CONTROL['key']}:NoSchedule): " in str(refused.value)
    assert not [asked for asked in api.asked if not asked.startswith("GET")]
    assert "no other node takes pods: they stay Pending" in _plan(cluster, "drain_nodes", name="worker")


def test_pods_that_have_no_place_are_named_beside_one_that_tolerates_the_taint(api: KubeApi, cluster: Cluster) -> None:
    _pod(api, "dns-0", tolerations=SYSTEM)
    with pytest.raises(errors.EnvironmentFailure, match="takes pod/shop/web "):
        _fail(cluster)
    assert "no other node takes pod/shop/web: they stay Pending" in _plan(cluster, "drain_nodes", name="worker")
    del api.objects[f"{PODS}/web"]
    assert "no other node" not in _plan(cluster, "drain_nodes", name="worker")
    assert _fail(cluster)["gone"] == ["pod/shop/dns-0"]


@pytest.mark.parametrize(
    ("toleration", "taken"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "team", "operator": "Exists", "effect": "NoExecute"}, True),
        ({"key": "team", "value": "pay"}, True),
        ({"key": "team", "value": "shop"}, False),
        ({"key": "team", "operator": "Exists", "effect": "NoSchedule"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_a_toleration_is_read_as_the_scheduler_reads_it(
    toleration: dict[str, str], taken: bool, api: KubeApi, cluster: Cluster
) -> None:
    _node(api, "control", "zone-b", {"key": "team", "value": "pay", "effect": "NoExecute"})
    _pod(api, "web", tolerations=[toleration])
    assert ("no other node" not in _plan(cluster, "drain_nodes", name="worker")) is taken


def test_a_taint_that_only_prefers_others_keeps_nobody_away(api: KubeApi, cluster: Cluster) -> None:
    _node(api, "control", "zone-b", {"key": "team", "value": "pay", "effect": "PreferNoSchedule"})
    assert "no node of zone-a is left that takes pods" in _plan(cluster, "drain_nodes", name="worker")


@pytest.mark.parametrize("empty", [_drain, _fail], ids=["drain", "zone"])
def test_a_pod_that_was_let_in_until_the_cordon_goes_too(empty: Any, api: KubeApi, cluster: Cluster) -> None:
    _node(api, "other", "zone-b")
    api.before_patch = lambda: _pod(api, "late")
    did = empty(cluster)
    assert (sorted(did["gone"]), did["cordoned"]) == (["pod/shop/late", "pod/shop/web"], ["worker"])
    assert not [path for path in api.objects if path.startswith(PODS)]


@pytest.mark.parametrize("empty", [_drain, _fail], ids=["drain", "zone"])
def test_what_must_not_go_stops_it_before_the_cordon(empty: Any, api: KubeApi, cluster: Cluster) -> None:
    _node(api, "other", "zone-b")
    _pod(api, "data", volumes=[{"name": "v", "emptyDir": {}}])
    with pytest.raises(errors.EnvironmentFailure, match="pod/shop/data keeps data in an emptyDir"):
        empty(cluster)
    assert not [asked for asked in api.asked if not asked.startswith("GET")]
