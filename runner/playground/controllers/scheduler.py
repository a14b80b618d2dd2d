"""The scheduler: each new pod to a node that takes it, spread over zones and then over nodes."""

from __future__ import annotations

import copy
from collections import Counter

from runner.playground import conditions, events, kinds, selection, store

ZONE = "topology.kubernetes.io/zone"


def sync(held: store.ObjectStore) -> None:
    """Bind every pod that has no node."""
    for pod in held.list(kinds.POD):
        if not pod["spec"].get("nodeName") and not conditions.leaving(pod):
            _place(held, pod)


def _place(held: store.ObjectStore, pod: kinds.Object) -> None:
    nodes = list(held.list(kinds.NODE))
    why = [(node, _refuses(node, pod)) for node in nodes]
    fitting = [node for node, reason in why if reason is None]
    if not fitting:
        return _pending(held, pod, Counter(reason for _, reason in why if reason))
    bind(held, pod, min(fitting, key=lambda node: _load(held, node, pod))["metadata"]["name"])
    return None


def bind(held: store.ObjectStore, pod: kinds.Object, node: str) -> None:
    """Give a pod its node."""
    bound = copy.deepcopy(pod)
    bound["spec"]["nodeName"] = node
    conditions.put(bound["status"], "PodScheduled", "True", lastProbeTime=None, observedGeneration=1)
    bound = held.update(bound)
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    events.record(held, bound, "Scheduled", f"Successfully assigned {name} to {node}", "default-scheduler")


def _refuses(node: kinds.Object, pod: kinds.Object) -> str | None:
    """Why a node does not take a pod, in the scheduler's words."""
    if node["spec"].get("unschedulable") and not _tolerates(pod, "node.kubernetes.io/unschedulable", "NoSchedule"):
        return "node(s) were unschedulable"
    if not selection.selects({"matchLabels": pod["spec"].get("nodeSelector") or {}}, node["metadata"].get("labels")):
        return "node(s) didn't match Pod's node affinity/selector"
    for taint in node["spec"].get("taints", ()):
        if taint["effect"] != "PreferNoSchedule" and not _tolerates(pod, taint["key"], taint["effect"]):
            return f"node(s) had untolerated taint(s) {{{taint['key']}: {taint.get('value', '')}}}"
    if not conditions.is_true(node, "Ready"):
        return "node(s) were not ready"
    return None


def _tolerates(pod: kinds.Object, key: str, effect: str) -> bool:
    return any(
        t.get("key") in (None, "", key) and t.get("effect") in (None, "", effect)
        for t in pod["spec"].get("tolerations", ())
    )


def _load(held: store.ObjectStore, node: kinds.Object, pod: kinds.Object) -> tuple[int, int, int, str]:
    """Pods like this one in the zone and on the node, then all pods there."""
    zones = {n["metadata"]["name"]: n["metadata"].get("labels", {}).get(ZONE) for n in held.list(kinds.NODE)}
    name, labels = node["metadata"]["name"], pod["metadata"].get("labels") or {}
    placed = [p for p in held.list(kinds.POD) if p["spec"].get("nodeName") and not conditions.leaving(p)]
    mine = [p for p in placed if p["metadata"]["namespace"] == pod["metadata"]["namespace"]]
    alike = [p["spec"]["nodeName"] for p in mine if (p["metadata"].get("labels") or {}) == labels]
    in_zone = sum(zones.get(n) == zones[name] for n in alike)
    return in_zone, alike.count(name), sum(p["spec"]["nodeName"] == name for p in placed), name


def _pending(held: store.ObjectStore, pod: kinds.Object, why: Counter[str]) -> None:
    total = sum(why.values())
    said = (
        f"0/{total} nodes are available: "
        + ", ".join(f"{count} {reason}" for reason, count in sorted(why.items()))
        + "."
    )
    if total == 0:
        said = "no nodes available to schedule pods"
    waiting = copy.deepcopy(pod)
    conditions.put(waiting["status"], "PodScheduled", "False", reason="Unschedulable", message=said, lastProbeTime=None)
    if waiting["status"] != pod["status"]:
        events.record(held, held.update(waiting), "FailedScheduling", said, "default-scheduler", type="Warning")
