"""Workloads: scaling and rolling deployments and stateful sets, and what proves that it happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner.faults.driver import Evidence, FaultTarget, UndoStep
from runner.faults.kubernetes.signatures import Arguments, Resolve

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster


ATTEMPTS = 5
"""A workload that scales is written by its controller too: whoever was faster makes us look again."""


def scale(resource: str) -> Resolve:
    def resolve(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
        name, namespace = arguments["name"], arguments.get("ns", "default")
        found, wanted = cluster.scale(resource, name, namespace), arguments.get("replicas")
        if found is None:
            return FaultTarget(action=action, kind=f"scale-{resource}", note=f"there is no {namespace}/{name}")
        replicas = found["replicas"]
        args = {"resource": resource, "name": name, "namespace": namespace, "replicas": replicas, "uid": found["uid"]}
        args |= {"wanted": wanted} if isinstance(wanted, int) else {}
        return FaultTarget(
            action=action,
            kind=f"scale-{resource}",
            targets=(f"{resource}/{namespace}/{name}",),
            note=f"from {replicas} to {wanted} replicas",
            scopes=(namespace,),
            owner="undoer",
            undo=(UndoStep(kind="scale", what=f"scale {namespace}/{name} back to {replicas}", args=args),),
            before=args,
        )

    return resolve


def scaled(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """By the number that was asked for: another one is an autoscaler's, or somebody's."""
    found = _scale(cluster, before)
    now = found["replicas"] if found else None
    return Evidence(
        confirmed=now != before["replicas"] and now == before.get("wanted", now),
        sentence=f"{_called(before)} wants {now} replicas, before {before['replicas']}",
        targets=(_called(before),),
    )


def unscaled(cluster: Cluster, args: Mapping[str, Any]) -> bool:
    """Whether it had to be scaled back. One that is gone, or that somebody else has changed, needs nothing."""
    from kubernetes.client.rest import ApiException

    for attempt in range(ATTEMPTS):
        found = _scale(cluster, args)
        if found is None or found["replicas"] == args["replicas"] or _theirs(found, args):
            return False
        try:
            name = args["resource"], args["name"], args["namespace"]
            return cluster.rescale(*name, args["replicas"], found["version"])
        except ApiException as problem:
            if problem.status != 409 or attempt == ATTEMPTS - 1:
                raise
    return False


def whose(cluster: Cluster, args: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether what it wants now was decided by somebody else since, and what is to be said of that."""
    found = _scale(cluster, args)
    said = _theirs(found, args) if found and found["replicas"] != args["replicas"] else ""
    return bool(said), said


def _theirs(found: Mapping[str, Any], args: Mapping[str, Any]) -> str:
    """A record from before these were noted names neither: then all is ours."""
    now = f"{_called(args)} wants {found['replicas']} replicas now"
    if args.get("uid") not in (None, found["uid"]):
        return f"{now}: it was deleted and created again since the run began, and is left as it is"
    if args.get("wanted") not in (None, found["replicas"]):
        return f"{now}, not the {args['wanted']} that this action set: something else has scaled it since; it is left as it is"
    return ""


def _scale(cluster: Cluster, args: Mapping[str, Any]) -> dict[str, Any] | None:
    return cluster.scale(args["resource"], args["name"], args["namespace"])


def _called(args: Mapping[str, Any]) -> str:
    return f"{args['resource']}/{args['namespace']}/{args['name']}"


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
