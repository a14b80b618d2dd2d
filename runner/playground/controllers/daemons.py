"""Daemon sets: one pod on each node, cordoned or not."""

from __future__ import annotations

import copy

from runner.playground import conditions, kinds, resources, selection, store
from runner.playground.controllers import replicas


def sync(held: store.ObjectStore) -> None:
    """One turn for each daemon set."""
    for chosen in held.list(kinds.DAEMON_SET):
        if not conditions.leaving(chosen):
            _balance(held, chosen)
        _report(held, chosen)


def _balance(held: store.ObjectStore, chosen: kinds.Object) -> None:
    pods = {pod["spec"].get("nodeName"): pod for pod in replicas.owned_pods(held, chosen)}
    wanted = {node["metadata"]["name"] for node in _nodes(held, chosen)}
    for name in sorted(wanted - pods.keys()):
        replicas.create_pod(held, chosen, "daemonset-controller", nodeName=name)
    for name in pods.keys() - wanted:
        if not conditions.leaving(pods[name]):
            resources.begin_deletion(held, kinds.POD, pods[name], {})


def _nodes(held: store.ObjectStore, chosen: kinds.Object) -> list[kinds.Object]:
    asked = {"matchLabels": chosen["spec"]["template"]["spec"].get("nodeSelector") or {}}
    return [node for node in held.list(kinds.NODE) if selection.selects(asked, node["metadata"].get("labels"))]


def _report(held: store.ObjectStore, chosen: kinds.Object) -> None:
    present = held.get(kinds.DAEMON_SET, chosen["metadata"]["namespace"], chosen["metadata"]["name"])
    if present is None:
        return
    fresh, pods, wanted = copy.deepcopy(present), replicas.owned_pods(held, chosen), len(_nodes(held, chosen))
    up = sum(conditions.ready(pod) for pod in pods)
    fresh["status"] = {
        "currentNumberScheduled": len(pods),
        "desiredNumberScheduled": wanted,
        "numberAvailable": up,
        "numberMisscheduled": 0,
        "numberReady": up,
        "numberUnavailable": max(0, wanted - up),
        "observedGeneration": fresh["metadata"]["generation"],
        "updatedNumberScheduled": len(pods),
    }
    held.update(fresh)
