"""Aim: what one action of the method is about to hit, what puts it back, and how it is proven that it bit.

Resolved before anything is changed, by the client that strikes. Actions that are not in the table have no known target;
their proof is what they report, and only the experiment's own rollbacks put them back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the client takes half a second to import, and most experiments on a laptop never need it
    from runner.inject.cluster import Cluster

Arguments = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Aim:
    """One action, resolved."""

    action: str
    kind: str = "unknown"
    """A key of `KINDS`, or `unknown`."""
    targets: tuple[str, ...] = ()
    """By name; for a random choice every candidate, with `note` saying how many are taken."""
    note: str = ""
    namespaces: tuple[str, ...] = ()
    owner: str = "nobody"
    """Who undoes if we die: system, undoer or nobody."""
    undo: tuple[dict[str, Any], ...] = ()
    """Undo records to write before the action: `{kind, what, args}`."""
    before: dict[str, Any] = field(default_factory=dict)
    """What the proof compares with."""
    probe: str | None = None
    """The probe that the file names as proof: it must hold after the action, and not before."""
    held_before: bool = False

    def to_json(self) -> dict[str, Any]:
        """`resolved`: its targets are known beforehand; `provable`: there is a way to see that it bit."""
        resolved = self.kind in KINDS
        return asdict(self) | {"resolved": resolved, "provable": resolved or self.probe is not None}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Whether a fault has bitten, in a sentence, and whom it hit by name."""

    bitten: bool
    sentence: str
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """How a family of actions is resolved and proven."""

    survey: Callable[[Cluster, str, Arguments], Aim]
    prove: Callable[[Cluster, Mapping[str, Any]], Evidence]


def _pods(cluster: Cluster, action: str, arguments: Arguments) -> Aim:
    namespace = arguments.get("ns", "default")
    pods = cluster.pods(namespace, arguments.get("label_selector"), arguments.get("name_pattern"))
    count = how_many(arguments, len(pods))
    certain = not arguments.get("rand") and arguments.get("order", "alphabetic") == "alphabetic"
    chosen = pods[:count] if certain else pods
    return Aim(
        action=action,
        kind="pods",
        targets=tuple(f"pod/{namespace}/{p['name']}" for p in chosen),
        note=f"{count} of {len(pods)} pods",
        namespaces=(namespace,),
        owner="system",  # their controller makes new ones
        before={"namespace": namespace, "uids": {p["name"]: p["uid"] for p in chosen}},
    )


def _pods_gone(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    now = {p["uid"] for p in cluster.pods(before["namespace"]) if not p["leaving"]}
    gone = [name for name, uid in before["uids"].items() if uid not in now]
    return Evidence(
        bitten=bool(gone),
        sentence=f"{len(gone)} of {len(before['uids'])} pods are gone by their UID: {', '.join(gone) or 'none'}",
        targets=tuple(f"pod/{before['namespace']}/{name}" for name in gone),
    )


def _nodes(cluster: Cluster, action: str, arguments: Arguments) -> Aim:
    nodes = cluster.nodes(arguments.get("name"), arguments.get("label_selector"))
    ours = [n["name"] for n in nodes if not n["cordoned"]]
    return Aim(
        action=action,
        kind="nodes",
        targets=tuple(f"node/{n['name']}" for n in nodes),
        note=f"{arguments.get('count') or len(nodes)} of {len(nodes)} nodes",
        owner="undoer",
        # Somebody else's cordon stays: only nodes that were free before are ours to free.
        undo=tuple({"kind": "uncordon", "what": f"uncordon node {n}", "args": {"node": n}} for n in ours),
        before={"free": ours},
    )


def _cordoned(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    hit = [n["name"] for n in cluster.nodes() if n["cordoned"] and n["name"] in before["free"]]
    return Evidence(
        bitten=bool(hit),
        sentence=f"cordoned by us: {', '.join(hit) or 'none'}",
        targets=tuple(f"node/{name}" for name in hit),
    )


def _drain(cluster: Cluster, action: str, arguments: Arguments) -> Aim:
    found = _nodes(cluster, action, arguments)
    names = [target.removeprefix("node/") for target in found.targets]
    pods = {name: [p["uid"] for p in cluster.pods_on(name)] for name in names}
    return replace(found, kind="drain", before=found.before | {"pods": pods})


def _drained(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """A cordon alone is not a drain: pods have to have left. Nodes without any have nothing to lose."""
    cordoned, pods = _cordoned(cluster, before), before["pods"]
    left = {n: [uid for uid in uids if uid not in {p["uid"] for p in cluster.pods_on(n)}] for n, uids in pods.items()}
    gone, there = sum(map(len, left.values())), sum(map(len, pods.values()))
    emptied = tuple(f"node/{n}" for n, uids in left.items() if uids) if there else cordoned.targets
    return Evidence(bitten=bool(emptied), sentence=f"{cordoned.sentence}; {gone} of {there} pods left", targets=emptied)


def _scale(resource: str) -> Callable[[Cluster, str, Arguments], Aim]:
    def survey(cluster: Cluster, action: str, arguments: Arguments) -> Aim:
        name, namespace = arguments["name"], arguments.get("ns", "default")
        replicas = cluster.replicas(resource, name, namespace)
        if replicas is None:
            return Aim(action=action, kind=f"scale-{resource}", note=f"there is no {namespace}/{name}")
        args = {"resource": resource, "name": name, "namespace": namespace, "replicas": replicas}
        return Aim(
            action=action,
            kind=f"scale-{resource}",
            targets=(f"{resource}/{namespace}/{name}",),
            note=f"from {replicas} to {arguments.get('replicas')} replicas",
            namespaces=(namespace,),
            owner="undoer",
            undo=({"kind": "scale", "what": f"scale {namespace}/{name} back to {replicas}", "args": args},),
            before=args,
        )

    return survey


def _scaled(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    now = cluster.replicas(before["resource"], before["name"], before["namespace"])
    name = f"{before['resource']}/{before['namespace']}/{before['name']}"
    return Evidence(
        bitten=now != before["replicas"],
        sentence=f"{name} wants {now} replicas, before {before['replicas']}",
        targets=(name,),
    )


def _rollout(cluster: Cluster, action: str, arguments: Arguments) -> Aim:
    name, namespace = arguments["name"], arguments.get("ns", "default")
    template = cluster.template(name, namespace)
    if template is None:
        return Aim(action=action, kind="rollout", note=f"there is no {namespace}/{name}")
    return Aim(
        action=action,
        kind="rollout",
        targets=(f"deployment/{namespace}/{name}",),
        namespaces=(namespace,),
        owner="system",
        before={"name": name, "namespace": namespace, "template": template},
    )


def _rolled(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    changed = cluster.template(before["name"], before["namespace"]) != before["template"]
    sentence = f"the pod template of {before['namespace']}/{before['name']} {'changed' if changed else 'is unchanged'}"
    return Evidence(bitten=changed, sentence=sentence, targets=(f"deployment/{before['namespace']}/{before['name']}",))


KINDS: dict[str, Kind] = {
    "pods": Kind(_pods, _pods_gone),
    "nodes": Kind(_nodes, _cordoned),
    "drain": Kind(_drain, _drained),
    "scale-deployment": Kind(_scale("deployment"), _scaled),
    "scale-stateful_set": Kind(_scale("stateful_set"), _scaled),
    "rollout": Kind(_rollout, _rolled),
}

ACTIONS: dict[str, str] = {
    "chaosk8s.pod.actions.terminate_pods": "pods",
    "chaosk8s.pod.actions.delete_pods": "pods",
    "chaosk8s.node.actions.cordon_node": "nodes",
    "chaosk8s.node.actions.drain_nodes": "drain",
    "chaosk8s.deployment.actions.scale_deployment": "scale-deployment",
    "chaosk8s.actions.scale_microservice": "scale-deployment",
    "chaosk8s.statefulset.actions.scale_statefulset": "scale-stateful_set",
    "chaosk8s.deployment.actions.rollout_deployment": "rollout",
}
"""Stock actions by their full name. Everything else is `unknown`."""


def unknown(action: str, document: Mapping[str, Any], namespaces: tuple[str, ...] = ()) -> Aim:
    """The aim of an action that is not in the table: only the experiment's own rollbacks put it back."""
    return Aim(action=action, owner="undoer" if document.get("rollbacks") else "nobody", namespaces=namespaces)


def concerned(args: Mapping[str, Any]) -> str:
    """What an undo record of a cluster concerns, named as the scan for residue names it."""
    return f"node/{args['node']}" if "node" in args else f"{args['resource']}/{args['namespace']}/{args['name']}"


def kind_of(activity: Mapping[str, Any]) -> str | None:
    """The kind of a method's action, when it is one we know."""
    provider = activity.get("provider") or {}
    return ACTIONS.get(f"{provider.get('module')}.{provider.get('func')}")


def how_many(arguments: Mapping[str, Any], found: int) -> int:
    """How many of the found pods chaosk8s' pod actions take: `all`, `mode` and `qty` as it reads them."""
    if arguments.get("all"):
        return found
    quantity = int(arguments.get("qty", 1))
    if arguments.get("mode", "fixed") == "percentage":
        quantity = math.ceil(quantity * found / 100)
    return min(quantity, found)
