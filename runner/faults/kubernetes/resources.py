"""Resources of pods: what the metrics API says they use, what limits them, what an autoscaler makes of it, and who ran out of memory."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from runner.faults.kubernetes.node_pods import Pod, called, owner

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

_UNITS = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
OOM = "OOMKilled"
HELD = (("AbleToScale", "False"), ("ScalingActive", "False"), ("ScalingLimited", "True"))
"""Conditions with which an autoscaler says that it cannot scale, or not further."""


def quantity(text: str) -> float:
    """A quantity of the API as a number: `250m`, `128Mi`."""
    number = text.rstrip("".join(_UNITS))
    return float(number) * _UNITS.get(text[len(number) :], 1.0)


def usage(cluster: Cluster, namespace: str) -> dict[str, float] | None:
    """CPUs in use by pod; None where no metrics API is served. Of a pod that just got a container it says nothing for a while."""
    from kubernetes.client.rest import ApiException

    from runner.faults.kubernetes.client import Unseen

    try:
        listed = cluster.read(f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods")
    except Unseen:
        return None
    except ApiException as problem:
        if problem.status != 503:  # served, by somebody who does not answer now
            raise
        listed = {}
    if listed is None:
        return None
    items = listed.get("items") or ()
    return {i["metadata"]["name"]: sum(quantity(c["usage"]["cpu"]) for c in i.get("containers") or ()) for i in items}


def scaled(cluster: Cluster, namespace: str) -> dict[str, int]:
    """The autoscalers of a namespace, with the replicas that each wants."""
    return wishes(_autoscalers(cluster, namespace))


def scalers_of(cluster: Cluster, namespace: str, pods: Iterable[Pod]) -> set[str]:
    """The autoscalers by name that make these pods more: what another one of the namespace wants has nothing to do with them."""
    targets = {a["metadata"]["name"]: a["spec"]["scaleTargetRef"] for a in _autoscalers(cluster, namespace)}
    if not targets:
        return set()
    first = {(o["apiVersion"], o["kind"], o["name"]): o for pod in pods if (o := owner(pod))}  # many pods have one
    owners = {of for found in first.values() for of in _owners(cluster, namespace, found)}
    return {name for name, of in targets.items() if (_group(of), of["kind"], of["name"]) in owners}


def _autoscalers(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    listed = cluster.read(f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers") or {}
    return list(listed.get("items") or ())


def _owners(cluster: Cluster, namespace: str, first: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(group, kind, name) of a controller of pods, and of whose that is where it is a replica set."""
    from runner.faults.kubernetes.client import Unseen

    yield _group(first), first["kind"], first["name"]
    if first["kind"] == "ReplicaSet":
        with contextlib.suppress(Unseen):
            of = cluster.read(f"/apis/{first['apiVersion']}/namespaces/{namespace}/replicasets/{first['name']}")
            if second := owner(of) if of else None:
                yield _group(second), second["kind"], second["name"]


def _group(reference: Mapping[str, Any]) -> str:
    return str(reference.get("apiVersion") or "").rpartition("/")[0]


def wishes(autoscalers: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Of those that have looked at their metrics: a new one wants 0 until then, and its first wish answers nothing that we did."""
    found = {a["metadata"]["name"]: (a.get("status") or {}).get("desiredReplicas") for a in autoscalers}
    return {name: int(wants) for name, wants in found.items() if wants}


def why_not_scaled(cluster: Cluster, namespace: str, name: str) -> str:
    """What an autoscaler says of itself: what holds it back, where it says that something does."""
    found = cluster.read(f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers/{name}")
    if found is None:
        return "there is none of that name"
    conditions = [c for c in (found.get("status") or {}).get("conditions") or () if c.get("message")]
    held = [c for c in conditions if (c.get("type"), c.get("status")) in HELD]
    telling = [c["message"] for c in held or conditions if c.get("type") != "AbleToScale" or c in held]
    return "; ".join(map(str, telling)) or "it does not say why"


def cpu_limit(pod: Pod) -> float:
    """CPUs that all its containers may use together; endless where one has no limit."""
    limits = [((c.get("resources") or {}).get("limits") or {}).get("cpu") for c in pod["spec"]["containers"]]
    return sum(quantity(str(limit)) for limit in limits) if all(limits) else math.inf


def restarts(pod: Pod) -> dict[str, int]:
    """Of each container."""
    return {s["name"]: int(s.get("restartCount") or 0) for s in pod["status"].get("containerStatuses") or ()}


def killed(pod: Pod, before: Mapping[str, int]) -> str:
    """Which container was killed for want of memory and restarted since, in a sentence; empty where none was."""
    for status in pod["status"].get("containerStatuses") or ():
        was, now = before.get(status["name"], 0), int(status.get("restartCount") or 0)
        last: Mapping[str, Any] = (status.get("lastState") or {}).get("terminated") or {}
        if now > was and last.get("reason") == OOM:
            return (
                f"container {status['name']} of {called(pod)} was killed for want of memory ({OOM}, exit code "
                f"{last.get('exitCode')}) at {last.get('finishedAt')} and restarted: restart {now}, before {was}"
            )
    return ""
