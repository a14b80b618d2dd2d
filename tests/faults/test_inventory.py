"""What counts as new, gone or changed in a cluster, and what is noise, by lists as an API server gives them."""

from __future__ import annotations

from typing import Any

import pytest

from runner.faults.driver import FaultTarget, Residue, UndoStep
from runner.faults.kubernetes import inventory, kinds, residue
from runner.faults.kubernetes.client import Cluster
from runner.faults.kubernetes.inventory import Change
from runner.faults.kubernetes.kinds import Kind
from runner.rundir.start_message import Kept

Json = dict[str, Any]
SINCE = 1_700_000_000.0
BEFORE, LATER = "2023-11-14T22:13:00Z", "2023-11-14T22:13:40Z"
KINDS = {k.said: k for k in (*kinds.BUILT_IN, *kinds.OF_CLUSTER)}


def made(said: str, name: str = "it", **given: Any) -> Json:
    metadata = {"name": name, "uid": "u", **given.pop("metadata", {})}
    if KINDS[said].namespaced:
        metadata = {"namespace": "shop"} | metadata
    return {"metadata": metadata, **given}


def taken(*found: tuple[str, Json], unseen: tuple[str, ...] = ()) -> Json:
    kept = [(KINDS[said], one) for said, one in found if not kinds.is_noise(one["metadata"])]
    entries = {inventory._name(k, o): inventory._entry(k, o) for k, o in kept}
    leaving = {name: entry for name, entry in entries.items() if "held" in entry}
    objects = {name: entry for name, entry in entries.items() if name not in leaving}
    return {"objects": objects, "leaving": leaving, "unseen": list(unseen)}


def said(before: Json, now: Json) -> list[str]:
    return [c.sentence for c in inventory.changes(before, now, SINCE)]


def changed(kind: str, before: Json, now: Json) -> list[str]:
    return said(taken((kind, before)), taken((kind, now)))


def test_new_and_gone_are_told_by_kind_namespace_and_name() -> None:
    one, other = taken(("pod", made("pod"))), taken(("stateful_set", made("stateful_set")))
    assert said(one, other) == ["pod shop/it is gone", "stateful set shop/it is new"]


@pytest.mark.parametrize(
    ("kind", "before", "now", "sentence"),
    [
        ("configmap", {"data": {"a": "1"}}, {"data": {"a": "2"}}, "configmap shop/it is changed"),
        ("pod", {"metadata": {"labels": {"a": "1"}}}, {"metadata": {"labels": {}}}, "pod shop/it is changed"),
        ("secret", {"metadata": {"resourceVersion": "1"}}, {"metadata": {"resourceVersion": "2"}}, "secret shop/it is changed"),
        ("deployment", {"spec": {"replicas": 3}}, {"spec": {"replicas": 1}}, "deployment shop/it wants 1 replicas, before 3"),
        ("node", {"spec": {}}, {"spec": {"unschedulable": True}}, "node it is cordoned"),
        ("networkpolicy", {"spec": {"ingress": [{}]}}, {"spec": {"ingress": []}}, "networkpolicy shop/it is changed"),
        (
            "ingress",
            {"metadata": {"annotations": {"nginx.ingress.kubernetes.io/canary": "false"}}},
            {"metadata": {"annotations": {"nginx.ingress.kubernetes.io/canary": "true"}}},
            "ingress shop/it is changed",
        ),
    ],
)  # fmt: skip
def test_what_somebody_wants_of_an_object_has_changed(kind: str, before: Json, now: Json, sentence: str) -> None:
    assert changed(kind, made(kind, **before), made(kind, **now)) == [sentence]
    assert changed(kind, made(kind, **before), made(kind, **before)) == []


RESTARTED = {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}


@pytest.mark.parametrize(
    ("kind", "before", "now"),
    [
        ("deployment", {"spec": {"template": {}}}, {"spec": RESTARTED, "status": {"replicas": 1}}),
        ("deployment", {"metadata": {"generation": 1}}, {"metadata": {"generation": 9, "resourceVersion": "7"}}),
        ("service", {"spec": {"clusterIP": "10.0.0.1"}}, {"spec": {"clusterIP": "10.0.0.2"}}),
        ("node", {"spec": {"taints": []}}, {"spec": {"taints": [{"key": "node.kubernetes.io/not-ready"}]}}),
    ],
)
def test_what_controllers_and_clients_note_is_no_change(kind: str, before: Json, now: Json) -> None:
    assert changed(kind, made(kind, **before), made(kind, **now)) == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"ownerReferences": [{"kind": "ReplicaSet"}]},
        {"name": "kube-root-ca.crt"},
        {"name": "sh.helm.release.v1.shop.v2"},
        {"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}},
    ],
)
def test_what_comes_and_goes_by_itself_is_not_looked_at(metadata: Json) -> None:
    assert said(taken(), taken(("configmap", made("configmap", metadata=metadata)))) == []


LEAVING = {"deletionTimestamp": LATER, "finalizers": ["a/b"]}


def test_what_came_and_leaves_is_new_only_where_it_is_stuck() -> None:
    now = taken(("configmap", made("configmap", metadata=LEAVING)))
    assert said(taken(), now) == []
    assert [*inventory.came_and_leaves(taken(), now)] == ["configmap/shop/it"]
    stuck = inventory.with_stuck(now, {"configmap/shop/it": "held by a/b"})
    assert said(taken(), stuck) == ["configmap shop/it is new, and stuck on its way out: held by a/b"]


def test_what_was_there_before_and_leaves_did_not_come_with_the_run() -> None:
    there, leaving = (taken(("configmap", made("configmap", metadata=m))) for m in ({}, LEAVING))
    assert inventory.came_and_leaves(there, leaving) == {}
    assert inventory.came_and_leaves(leaving, leaving) == {}
    assert said(there, leaving) == ["configmap shop/it is on its way out"]
    assert said(leaving, taken()) == []


def test_what_leaves_with_its_namespace_is_told_by_that() -> None:
    gone = {"metadata": {**LEAVING}}
    now = taken(
        ("namespace", made("namespace", "shop", **gone)), ("configmap", made("configmap", **gone)), ("pod", made("pod"))
    )
    assert [*inventory.came_and_leaves(taken(), now)] == ["namespace/shop"]
    assert said(taken(), now) == []


def test_a_new_namespace_is_told_without_all_that_is_in_it() -> None:
    now = taken(("namespace", made("namespace", "shop")), ("pod", made("pod")), ("configmap", made("configmap")))
    assert said(taken(), now) == ["namespace shop is new"]


def test_what_could_be_listed_only_once_is_not_compared() -> None:
    assert said(taken(unseen=("pods (not allowed)",)), taken(("pod", made("pod")))) == []
    assert said(taken(("pod", made("pod"))), taken(unseen=("pods (no answer in time)",))) == []


def _written(*by: tuple[str, str]) -> Json:
    return {"managedFields": [{"manager": who, "time": at} for who, at in by]}


def _one(metadata: Json) -> Change:
    now = taken(("configmap", made("configmap", metadata=metadata)))
    return inventory.changes(taken(), now, SINCE)[0]


def test_what_only_a_controller_wrote_since_is_by_one() -> None:
    assert _one(_written(("kube-controller-manager", LATER))).by_controller
    assert _one(_written(("kubectl-create", BEFORE), ("argocd-controller", LATER))).by_controller
    assert not _one(_written(("kubectl-create", LATER), ("argocd-controller", LATER))).by_controller
    assert not _one(_written(("OpenAPI-Generator", LATER))).by_controller
    assert not _one({}).by_controller, "nobody knows"


def _hit(kind: str, **given: Any) -> FaultTarget:
    return FaultTarget(action="it", kind=kind, **given)


def test_where_to_look_follows_from_what_the_actions_may_reach() -> None:
    everywhere = residue.scope([_hit("unknown")])
    assert (everywhere.namespaces, everywhere.anything) == (None, True)
    args = {"resource": "deployment", "namespace": "b", "name": "x", "replicas": 3}
    step = UndoStep(kind="scale", what="scale it back", args=args)
    known = residue.scope([_hit("pods", scopes=("a",), targets=("pod/a/p",), undo=(step,))])
    assert known.namespaces == ("a", "b")
    assert (known.named, known.anything) == (("deployment/b/x", "pod/a/p"), False)
    assert residue.scope([_hit("drain")]).namespaces is None
    assert residue.scope([]).nothing


def test_the_kinds_of_others_are_looked_at_and_those_of_kubernetes_itself_not_twice() -> None:
    groups = {
        "groups": [
            {"name": n, "preferredVersion": {"version": "v1"}} for n in ("apps", "metrics.k8s.io", "chaos-mesh.org")
        ]
    }
    assert kinds.custom(groups) == [("chaos-mesh.org", "v1")]
    resources = {
        "resources": [
            {"name": "podchaos", "namespaced": True, "verbs": ["list"]},
            {"name": "podchaos/status", "verbs": ["get"]},
        ]
    }
    assert list(kinds.of_group("chaos-mesh.org", "v1", resources)) == [
        Kind("podchaos", "/apis/chaos-mesh.org/v1", "podchaos")
    ]


def _whose(**given: Any) -> str:
    change = Change(name="configmap/shop/it", sentence="is new", by_controller=given.pop("by_controller", False))
    kept = Kept(names=given.pop("left", ()), rest=given.pop("rest_stays", False))
    return residue._whose(change, {"named": (), "anything": False, "evicts": False} | given, kept)


def test_ours_is_what_is_named_or_could_be_anything_and_stays_where_the_file_says_so() -> None:
    named = {"named": (name := "configmap/shop/it",)}
    assert _whose() == "others"
    assert _whose(**named) == "residue"
    assert _whose(**named, left=(name,)) == "meant"
    assert _whose(**named, left=None) == "meant", "rollbacks are never played"
    assert _whose(anything=True) == "residue"
    assert _whose(anything=True, by_controller=True) == "others"
    assert _whose(**named, by_controller=True) == "residue", (
        "an action that scales is undone by a controller's own work"
    )
    assert _whose(anything=True, rest_stays=True) == "meant"
    assert _whose(**named, anything=True, rest_stays=True) == "residue", "a stock action is to be undone all the same"


def test_a_pod_that_a_drain_evicted_for_good_is_ours() -> None:
    gone = Change(name="pod/shop/bare", sentence="is gone", gone=True)
    snapshot = {"named": (), "anything": False}
    assert residue._whose(gone, snapshot | {"evicts": True}, Kept()) == "residue"
    assert residue._whose(gone, snapshot | {"evicts": False}, Kept()) == "others"


def test_where_the_state_before_is_not_known_nothing_is_compared_and_that_is_said() -> None:
    def never() -> Cluster:
        raise AssertionError("nobody need ask the cluster")

    assert residue.after(never, {"objects": None, "unseen": ["pods"]}, Kept(), lambda names: {}) == Residue(
        unseen=("pods",)
    )
    assert residue.after(never, {}, Kept(), lambda names: {}) == Residue(unseen=("the cluster",))
