"""Pods and nodes: whom actions on them hit, and what proves that they did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.faults.driver import Evidence, FaultTarget, UndoStep
from runner.faults.kubernetes import objects
from runner.faults.kubernetes.signatures import Arguments

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster


def pods(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """Whom `terminate_pods` ends: one that is leaving already may be among those that it deletes, but is not hit by that."""
    chosen, note = _chosen(cluster, arguments)
    staying = [p for p in chosen if not p["leaving"]]
    leaving = ", ".join(p["name"] for p in chosen if p["leaving"])
    said = f"{note}, on the way out already: {leaving}" if leaving else note
    return _of_pods(action, "pods", arguments, staying, said)


def pods_by_name(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """Whom `delete_pods` ends: its `name` is the pattern of `terminate_pods`, and it takes the first that matches."""
    asked = {"ns": arguments.get("ns", "default"), "name_pattern": arguments.get("name")}
    return pods(cluster, action, asked | {"label_selector": arguments.get("label_selector")})


def pods_entered(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """Where `exec_in_pods` runs its command: it passes over pods that have no container of that name, and without a name all."""
    chosen, note = _chosen(cluster, arguments)
    having = [p for p in chosen if arguments.get("container_name") in p["containers"]]
    found = _of_pods(action, "exec", arguments, having, f"{note}, {len(having)} of them with that container")
    return replace(found, owner="nobody", visible=False)


def _chosen(cluster: Cluster, arguments: Arguments) -> tuple[list[dict[str, Any]], str]:
    namespace = arguments.get("ns", "default")
    found = cluster.pods(namespace, arguments.get("label_selector"), arguments.get("name_pattern"))
    count = how_many(arguments, len(found))
    certain = not arguments.get("rand") and arguments.get("order", "alphabetic") == "alphabetic"
    return found[:count] if certain else found, f"{count} of {len(found)} pods"


def _of_pods(action: str, kind: str, arguments: Arguments, chosen: list[dict[str, Any]], note: str) -> FaultTarget:
    namespace = arguments.get("ns", "default")
    return FaultTarget(
        action=action,
        kind=kind,
        targets=tuple(f"pod/{namespace}/{p['name']}" for p in chosen),
        note=note,
        scopes=(namespace,),
        owner="system" if all(p["owned"] for p in chosen) else "nobody",  # their controller makes new ones
        before={"namespace": namespace, "uids": {p["name"]: p["uid"] for p in chosen}},
    )


def pods_gone(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """By their UID: of a stateful set the new one has the old name. One on its way out was not so before."""
    now = {p["uid"]: p["leaving"] for p in cluster.pods(before["namespace"])}
    gone = [name for name, uid in before["uids"].items() if uid not in now]
    leaving = [name for name, uid in before["uids"].items() if now.get(uid)]
    return Evidence(
        confirmed=bool(gone or leaving),
        sentence=objects.departed(gone, leaving, f"{len(before['uids'])} pods"),
        targets=tuple(f"pod/{before['namespace']}/{name}" for name in (*gone, *leaving)),
    )


def nodes(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """Whom a cordon hits."""
    found = matching(cluster, arguments)
    ours = [n["name"] for n in found if not n["cordoned"]]
    return FaultTarget(
        action=action,
        kind="nodes",
        targets=tuple(f"node/{n['name']}" for n in found),
        note=f"{arguments.get('count') or len(found)} of {len(found)} nodes",
        owner="undoer",
        # Somebody else's cordon stays: only nodes that were free before are ours to free.
        undo=tuple(UndoStep(kind="uncordon", what=f"uncordon node {n}", args={"node": n}) for n in ours),
        before={"free": ours},
    )


def cordoned(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """Which of the nodes that were free are so no more."""
    hit = [n["name"] for n in cluster.nodes() if n["cordoned"] and n["name"] in before["free"]]
    return Evidence(
        confirmed=bool(hit),
        sentence=f"cordoned by us: {', '.join(hit) or 'none'}",
        targets=tuple(f"node/{name}" for name in hit),
    )


def drain(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """Whom a drain empties; without a pod that it would evict it has no target, for a cordon alone hurts nobody, but stays as any other."""
    found = nodes(cluster, action, arguments)
    local = bool(arguments.get("delete_pods_with_local_storage"))
    names = [target.removeprefix("node/") for target in found.targets]
    pods = {name: [p["uid"] for p in cluster.pods_on(name) if _evicted(p, local)] for name in names}
    count = sum(map(len, pods.values()))
    return replace(
        found,
        kind="drain",
        targets=found.targets if count else (),
        note=f"{found.note}, {count} to evict" if count else f"{found.note}, with no pod that would be evicted",
        before={**found.before, "pods": pods},
    )


def drained(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """A cordon alone is not a drain: pods have to have left, or to be on their way out, which none of them was."""
    gone, leaving, emptied = 0, 0, list[str]()
    for node, uids in before["pods"].items():
        now = {p["uid"]: p["leaving"] for p in cluster.pods_on(node)}
        left, going = sum(uid not in now for uid in uids), sum(now.get(uid, False) for uid in uids)
        gone, leaving, emptied = gone + left, leaving + going, emptied + [f"node/{node}"] * bool(left or going)
    sentence = f"{cordoned(cluster, before).sentence}; {gone} of {sum(map(len, before['pods'].values()))} pods left"
    sentence += f", {leaving} on the way out" if leaving else ""
    return Evidence(confirmed=bool(emptied), sentence=sentence, targets=tuple(emptied))


def freed(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """Whom an uncordon in the method frees: nodes that are cordoned."""
    closed = [n["name"] for n in matching(cluster, arguments) if n["cordoned"]]
    return FaultTarget(
        action=action,
        kind="freed",
        targets=tuple(f"node/{n}" for n in closed),
        note=f"{len(closed)} cordoned nodes",
        before={"closed": closed},
    )


def uncordoned(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """Which of the nodes that were cordoned are so no more."""
    free = [n["name"] for n in cluster.nodes() if not n["cordoned"] and n["name"] in before["closed"]]
    return Evidence(
        confirmed=bool(free),
        sentence=f"uncordoned by us: {', '.join(free) or 'none'}",
        targets=tuple(f"node/{name}" for name in free),
    )


def nodes_deleted(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """Whom `delete_nodes` takes away: the first that matches, or a random choice."""
    found = matching(cluster, arguments)
    count = 1 if arguments.get("rand") else int(arguments.get("count") or 0)
    chosen = found if count else found[:1]
    paths = {f"node/{n['name']}": [f"/api/v1/nodes/{n['name']}", n["uid"]] for n in chosen}
    note = f"{min(count or 1, len(found))} of {len(found)} nodes"
    return FaultTarget(action=action, kind="deleted", targets=tuple(paths), note=note, before={"objects": paths})


def matching(cluster: Cluster, arguments: Arguments) -> list[dict[str, Any]]:
    """Nodes as chaosk8s selects them: by name and label, and by the pods that they carry."""
    found = cluster.nodes(arguments.get("name"), arguments.get("label_selector"))
    selector, namespace = arguments.get("pod_label_selector"), arguments.get("pod_namespace")
    if not (selector and namespace):
        return found
    carrying = {p["node"] for p in cluster.pods(namespace, selector)}
    return [n for n in found if n["name"] in carrying]


def _evicted(pod: Mapping[str, Any], local: bool) -> bool:
    """Whether a drain takes a pod along: not one of a static file, one that leaves anyway, nor, unless asked to, one with local storage."""
    return not pod["mirror"] and not pod["leaving"] and (local or not pod["local"])


def how_many(arguments: Mapping[str, Any], found: int) -> int:
    """How many of the found pods chaosk8s' pod actions take: `all`, `mode` and `qty` as it reads them."""
    if arguments.get("all"):
        return found
    quantity = int(arguments.get("qty", 1))
    if arguments.get("mode", "fixed") == "percentage":
        quantity = math.ceil(quantity * found / 100)
    return min(quantity, found)
