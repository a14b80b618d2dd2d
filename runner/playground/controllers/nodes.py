"""Nodes: a cordoned node carries the taint that says so; the pods of a deleted node go with it."""

from __future__ import annotations

import copy

from runner.playground import conditions, kinds, resources, store

TAINT = "node.kubernetes.io/unschedulable"


def sync(held: store.ObjectStore) -> None:
    """Taint the cordoned, untaint the others, collect the homeless."""
    known = {node["metadata"]["name"] for node in held.list(kinds.NODE)}
    for pod in held.list(kinds.POD):
        if pod["spec"].get("nodeName", "") not in known | {""} and not conditions.leaving(pod):
            resources.begin_deletion(held, kinds.POD, pod, {"gracePeriodSeconds": 0})
    for node in held.list(kinds.NODE):
        present = node["spec"].get("taints", [])
        cordoned = bool(node["spec"].get("unschedulable"))
        if cordoned == any(t["key"] == TAINT for t in present):
            continue
        new = copy.deepcopy(node)
        others = [t for t in present if t["key"] != TAINT]
        mine = [{"key": TAINT, "effect": "NoSchedule", "timeAdded": store.now()}] if cordoned else []
        new["spec"]["taints"] = [*others, *mine]
        if not new["spec"]["taints"]:
            del new["spec"]["taints"]
        held.update(new)
