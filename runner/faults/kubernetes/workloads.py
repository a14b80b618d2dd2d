"""Workloads: scaling and rolling deployments and stateful sets, and what proves that it happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner.faults.driver import Evidence, FaultTarget, UndoStep
from runner.faults.kubernetes.signatures import Arguments, Resolve

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster


def scale(resource: str) -> Resolve:
    def resolve(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
        name, namespace = arguments["name"], arguments.get("ns", "default")
        replicas = cluster.replicas(resource, name, namespace)
        if replicas is None:
            return FaultTarget(action=action, kind=f"scale-{resource}", note=f"there is no {namespace}/{name}")
        args = {"resource": resource, "name": name, "namespace": namespace, "replicas": replicas}
        return FaultTarget(
            action=action,
            kind=f"scale-{resource}",
            targets=(f"{resource}/{namespace}/{name}",),
            note=f"from {replicas} to {arguments.get('replicas')} replicas",
            scopes=(namespace,),
            owner="undoer",
            undo=(UndoStep(kind="scale", what=f"scale {namespace}/{name} back to {replicas}", args=args),),
            before=args,
        )

    return resolve


def scaled(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    now = cluster.replicas(before["resource"], before["name"], before["namespace"])
    name = f"{before['resource']}/{before['namespace']}/{before['name']}"
    return Evidence(
        confirmed=now != before["replicas"],
        sentence=f"{name} wants {now} replicas, before {before['replicas']}",
        targets=(name,),
    )


def rollout(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    name, namespace = arguments["name"], arguments.get("ns", "default")
    template = cluster.template(name, namespace)
    if template is None:
        return FaultTarget(action=action, kind="rollout", note=f"there is no {namespace}/{name}")
    return FaultTarget(
        action=action,
        kind="rollout",
        targets=(f"deployment/{namespace}/{name}",),
        scopes=(namespace,),
        owner="system",
        before={"name": name, "namespace": namespace, "template": template},
    )


def rolled(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    changed = cluster.template(before["name"], before["namespace"]) != before["template"]
    sentence = f"the pod template of {before['namespace']}/{before['name']} {'changed' if changed else 'is unchanged'}"
    return Evidence(
        confirmed=changed, sentence=sentence, targets=(f"deployment/{before['namespace']}/{before['name']}",)
    )
