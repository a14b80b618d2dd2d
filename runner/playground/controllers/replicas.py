"""Replica sets: as many pods as asked for; adopts what matches, and takes away the pods that are missed least."""

from __future__ import annotations

import copy
from typing import Any

from runner.playground import conditions, defaults, events, kinds, resources, selection, store


def sync(held: store.ObjectStore) -> None:
    """One turn for each replica set."""
    for chosen in held.list(kinds.REPLICA_SET):
        pods = owned_pods(held, chosen)
        if not conditions.leaving(chosen):
            _balance(held, chosen, pods)
        _report(held, chosen, owned_pods(held, chosen))


def owned_pods(held: store.ObjectStore, owner: kinds.Object) -> list[kinds.Object]:
    """The pods of a controller that have not ended; orphans that match its selector are adopted."""
    found = []
    for pod in held.list(kinds.POD, owner["metadata"]["namespace"]):
        reference = kinds.controller_of(pod)
        if reference is None and not conditions.leaving(owner) and _adoptable(pod, owner):
            adopted = copy.deepcopy(pod)
            adopted["metadata"].setdefault("ownerReferences", []).append(kinds.reference_to(owner))
            pod = held.update(adopted)
            reference = kinds.controller_of(pod)
        if reference is not None and reference["uid"] == owner["metadata"]["uid"] and not conditions.is_finished(pod):
            found.append(pod)
    return found


def _adoptable(pod: kinds.Object, owner: kinds.Object) -> bool:
    free = not conditions.leaving(pod) and not conditions.is_finished(pod)
    return free and selection.selects(owner["spec"]["selector"], pod["metadata"].get("labels"))


def create_pod(
    held: store.ObjectStore, owner: kinds.Object, source: str, name: str | None = None, **spec: Any
) -> kinds.Object:
    """A pod from the owner's template."""
    template = copy.deepcopy(owner["spec"]["template"])
    prefix = owner["metadata"]["name"] + "-"
    meta = {k: v for k, v in template["metadata"].items() if k in ("labels", "annotations")}
    meta |= {"name": name} if name else {"name": prefix + defaults.suffix(), "generateName": prefix}
    meta |= {"namespace": owner["metadata"]["namespace"], "ownerReferences": [kinds.reference_to(owner)]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"] | spec}
    defaults.fill(kinds.POD, pod, new=True)
    created = held.create(pod)
    events.record(held, owner, "SuccessfulCreate", _created(owner, meta["name"]), source)
    return created


def _created(owner: kinds.Object, name: str) -> str:
    if owner["kind"] == "StatefulSet":
        return f"create Pod {name} in StatefulSet {owner['metadata']['name']} successful"
    return f"Created pod: {name}"


def _balance(held: store.ObjectStore, chosen: kinds.Object, pods: list[kinds.Object]) -> None:
    here = [pod for pod in pods if not conditions.leaving(pod)]
    wanted = chosen["spec"]["replicas"]
    for _ in range(wanted - len(here)):
        create_pod(held, chosen, "replicaset-controller")
    for pod in sorted(here, key=_missed)[: max(0, len(here) - wanted)]:
        resources.begin_deletion(held, kinds.POD, pod, {})
        events.record(
            held, chosen, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", "replicaset-controller"
        )


def _missed(pod: kinds.Object) -> tuple[bool, bool, bool, int, float]:
    """How much a pod would be missed: unscheduled, pending and unready ones least, then the restarted, then the young."""
    cost = int((pod["metadata"].get("annotations") or {}).get("controller.kubernetes.io/pod-deletion-cost", "0"))
    running = pod["status"].get("phase") == "Running"
    created = conditions.age_s(pod["metadata"]["creationTimestamp"])
    return bool(pod["spec"].get("nodeName")), running, conditions.ready(pod), cost, created


def _report(held: store.ObjectStore, chosen: kinds.Object, pods: list[kinds.Object]) -> None:
    meta = chosen["metadata"]
    present = held.get(kinds.REPLICA_SET, meta["namespace"], meta["name"])
    if present is None:
        return
    fresh = copy.deepcopy(present)
    here = [pod for pod in pods if not conditions.leaving(pod)]
    wait = fresh["spec"].get("minReadySeconds", 0)
    counts = {
        "fullyLabeledReplicas": len(here),
        "readyReplicas": sum(conditions.ready(pod) for pod in here),
        "availableReplicas": sum(conditions.available(pod, wait) for pod in here),
    }
    fresh["status"] = {"replicas": len(here), "observedGeneration": fresh["metadata"]["generation"]}
    fresh["status"] |= {key: count for key, count in counts.items() if count}
    if leaving := len(pods) - len(here):
        fresh["status"]["terminatingReplicas"] = leaving
    held.update(fresh)
