"""Stateful sets: pods with numbered names, made one after the other and taken away from the end."""

from __future__ import annotations

import copy

from runner.playground import conditions, kinds, resources, store
from runner.playground.controllers import replicas


def sync(held: store.ObjectStore) -> None:
    """One step for each stateful set."""
    for chosen in held.list(kinds.STATEFUL_SET):
        pods = sorted(replicas.owned_pods(held, chosen), key=_number)
        if not conditions.leaving(chosen):
            _step(held, chosen, pods)
        _report(held, chosen, replicas.owned_pods(held, chosen))


def _number(pod: kinds.Object) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


def _step(held: store.ObjectStore, chosen: kinds.Object, pods: list[kinds.Object]) -> None:
    present = {_number(pod): pod for pod in pods}
    parallel = chosen["spec"]["podManagementPolicy"] == "Parallel"
    for number in range(chosen["spec"]["replicas"]):
        if number not in present:
            replicas.create_pod(held, chosen, "statefulset-controller", f"{chosen['metadata']['name']}-{number}")
        if not parallel and (number not in present or not conditions.ready(present[number])):
            return
    for number in sorted(present, reverse=True):
        if number < chosen["spec"]["replicas"]:
            return
        if not conditions.leaving(present[number]):
            resources.begin_deletion(held, kinds.POD, present[number], {})
        if not parallel:
            return


def _report(held: store.ObjectStore, chosen: kinds.Object, pods: list[kinds.Object]) -> None:
    present = held.get(kinds.STATEFUL_SET, chosen["metadata"]["namespace"], chosen["metadata"]["name"])
    if present is None:
        return
    fresh = copy.deepcopy(present)
    up = sum(conditions.ready(pod) for pod in pods if not conditions.leaving(pod))
    revision = f"{chosen['metadata']['name']}-{chosen['metadata']['generation']}"
    fresh["status"] = {
        "observedGeneration": fresh["metadata"]["generation"],
        "replicas": len(pods),
        "readyReplicas": up,
        "availableReplicas": up,
        "currentReplicas": len(pods),
        "updatedReplicas": len(pods),
        "currentRevision": revision,
        "updateRevision": revision,
        "collisionCount": 0,
    }
    held.update(fresh)
