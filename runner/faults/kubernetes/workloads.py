"""Workloads: scaling and rolling deployments and stateful sets, and what proves that it happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner.faults.targeting import Aim, Arguments, Evidence, Survey

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster


def scale(resource: str) -> Survey:
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


def scaled(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    now = cluster.replicas(before["resource"], before["name"], before["namespace"])
    name = f"{before['resource']}/{before['namespace']}/{before['name']}"
    return Evidence(
        bitten=now != before["replicas"],
        sentence=f"{name} wants {now} replicas, before {before['replicas']}",
        targets=(name,),
    )


def rollout(cluster: Cluster, action: str, arguments: Arguments) -> Aim:
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


def rolled(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    changed = cluster.template(before["name"], before["namespace"]) != before["template"]
    sentence = f"the pod template of {before['namespace']}/{before['name']} {'changed' if changed else 'is unchanged'}"
    return Evidence(bitten=changed, sentence=sentence, targets=(f"deployment/{before['namespace']}/{before['name']}",))
