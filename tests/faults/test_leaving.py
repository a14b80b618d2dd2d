"""An object that the run made and whose deletion hangs is residue, with what holds it; one that only takes its time is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from runner.faults.driver import Residue
from runner.faults.kubernetes import known_actions, leaving, residue
from runner.faults.kubernetes.client import Cluster
from runner.rundir.start_message import Kept
from tests.fakes.kube_api import KubeApi, serving

MESH = "/apis/chaos-mesh.org/v1alpha1/namespaces/shop/networkchaos"
SPACES = "/api/v1/namespaces"
CONFIGMAPS = f"{SPACES}/shop/configmaps"
HELD = {"deletionTimestamp": "2026-11-27T18:00:00Z", "finalizers": ["chaos-mesh/records"]}
CONTENT = {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 3 resource instances"}
REMAINING = "Some content in the namespace has finalizers remaining: chaos-mesh/records in 1 resource instances"


@dataclass
class Letting(KubeApi):
    """It lets go of what is asked for one by one, the second time."""

    lets_go: bool = False
    seen: list[str] = field(default_factory=list)

    def answer(self, method: str, url: str, kind: str, body: Any) -> tuple[int, Any]:
        answered = super().answer(method, url, kind, body)
        if self.lets_go and method == "GET" and url in self.objects:
            self.seen.append(url)
            if self.seen.count(url) == 2:
                del self.objects[url]
        return answered


@pytest.fixture
def api() -> Letting:
    """A cluster with a fault of somebody else's in it, on its way out for long."""
    found = Letting()
    found.put(f"{SPACES}/shop", {"metadata": {"name": "shop"}})
    _put(found, f"{MESH}/theirs", **HELD)
    return found


@pytest.fixture
def cluster(api: Letting) -> Iterator[Cluster]:
    with serving(api) as url:
        yield Cluster({"KUBERNETES_HOST": url})


def _put(api: KubeApi, path: str, conditions: tuple[dict[str, str], ...] = (), **metadata: Any) -> None:
    space = {"namespace": "shop"} if "/namespaces/shop/" in path else {}
    meta = {"name": path.rpartition("/")[2], **space, **metadata}
    api.put(path, {"metadata": meta, "status": {"conditions": list(conditions)}}, by="OpenAPI-Generator")


def _before(cluster: Cluster) -> dict[str, Any]:
    """Of a run that adds latency by the stock action, and makes a namespace."""
    mesh = known_actions.ACTIONS["chaosk8s.chaosmesh.network.actions.add_latency"]
    made = known_actions.ACTIONS["chaosk8s.namespace.actions.create_namespace"]
    actions = [mesh(cluster, "delay", {"name": "ours", "ns": "shop"}), made(cluster, "make", {"name": "extra"})]
    return residue.before(lambda: cluster, residue.scope(actions), must=True)


def test_a_deletion_that_hangs_is_residue_and_says_what_holds_it(api: Letting, cluster: Cluster) -> None:
    before = _before(cluster)
    _put(api, f"{MESH}/ours", **HELD)
    _put(api, f"{MESH}/theirs-too", **HELD)
    stuck = {"type": "NamespaceFinalizersRemaining", "status": "True", "message": REMAINING}
    _put(api, f"{SPACES}/extra", (CONTENT, stuck), deletionTimestamp=HELD["deletionTimestamp"])
    assert residue.after(lambda: cluster, before, Kept(), lambda names: {}) == Residue(
        residue=(
            f"namespace extra is new, and stuck on its way out: {REMAINING}",
            "networkchaos shop/ours is new, and stuck on its way out: held by chaos-mesh/records",
        ),
        others=("networkchaos shop/theirs-too is new, and stuck on its way out: held by chaos-mesh/records",),
    )


def test_what_goes_in_a_moment_is_none(api: Letting, cluster: Cluster) -> None:
    before = _before(cluster)
    _put(api, f"{MESH}/ours", **HELD)
    _put(api, f"{SPACES}/extra", (CONTENT,), deletionTimestamp=HELD["deletionTimestamp"])
    api.lets_go = True
    assert residue.after(lambda: cluster, before, Kept(), lambda names: {}) == Residue()
    assert api.seen.count(f"{MESH}/ours") == 2, "it was looked at again"


@pytest.mark.parametrize(
    ("path", "metadata", "conditions", "holder"),
    [
        (f"{CONFIGMAPS}/a", HELD, (), "held by chaos-mesh/records"),
        (f"{CONFIGMAPS}/a", {**HELD, "finalizers": []}, (), ""),
        (f"{SPACES}/shop/pods/a", HELD, (), "held by chaos-mesh/records"),
        (f"{SPACES}/shop/pods/a", {**HELD, "deletionTimestamp": "2126-11-27T18:00:00Z"}, (), ""),
        (f"{SPACES}/a", {**HELD, "finalizers": []}, (CONTENT,), ""),
    ],
    ids=["finalizer", "none", "pod past its grace", "pod in its grace", "namespace whose pods end"],
)
def test_only_what_is_held_is_stuck(
    path: str, metadata: Any, conditions: Any, holder: str, api: Letting, cluster: Cluster
) -> None:
    _put(api, path, conditions, uid="u", **metadata)
    name = "pod/shop/a" if "/pods/" in path else "configmap/shop/a" if "/configmaps/" in path else "namespace/a"
    entry = {"path": path, "uid": "u", "held": metadata["finalizers"]}
    assert leaving.stuck(cluster, {name: entry}, [name]) == ({name: holder} if holder else {})


def test_another_one_of_its_name_is_not_the_one_that_left(api: Letting, cluster: Cluster) -> None:
    _put(api, f"{CONFIGMAPS}/a", uid="new", **HELD)
    entry = {"path": f"{CONFIGMAPS}/a", "uid": "old", "held": HELD["finalizers"]}
    assert leaving.stuck(cluster, {"configmap/shop/a": entry}) == {}
