"""Usage: what pods use of CPU and memory, as the cluster measures it: what a stress that does nothing cannot change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.faults.cluster_api import ClusterApi, troubles

Usage = Mapping[str, float]
"""`{cpu: cores, memory: bytes}` of one pod."""
LEAST = {"cpu": 0.05, "memory": 8 * 1024 * 1024}
"""Less than this is noise: nothing that asks for less can be told from it."""


def of_pods(cluster: ClusterApi, pods: Iterable[tuple[str, str, str]]) -> dict[str, Usage]:
    """By `namespace/pod`, for (namespace, pod, node): by the metrics API where it is served, else by the nodes' kubelets.

    A pod of which neither says anything is left out.
    """
    found: dict[str, Usage] = {}
    nodes: dict[str, dict[str, Usage]] = {}
    for space, name, node in pods:
        usage = _by_metrics(cluster, space, name)
        if usage is None:
            if node not in nodes:
                nodes[node] = _by_kubelet(cluster, node)
            usage = nodes[node].get(f"{space}/{name}")
        if usage is not None:
            found[f"{space}/{name}"] = usage
    return found


def asked(spec: Mapping[str, Any], limits: Mapping[str, float]) -> dict[str, float] | None:
    """How much a stress would use in one pod, `limits` permitting, by resource; None where its spec does not say so in numbers."""
    stressors = spec.get("stressors") or {}
    wanted: dict[str, float] = {}
    if cpu := stressors.get("cpu"):
        wanted["cpu"] = float(cpu.get("workers") or 0) * float(cpu.get("load") or 100) / 100
    if memory := stressors.get("memory"):
        size = _size(str(memory.get("size") or ""), limits.get("memory"))
        if size is None:
            return None
        wanted["memory"] = float(memory.get("workers") or 0) * size
    found = {key: min(amount, limits.get(key, amount)) for key, amount in wanted.items()}
    return found or None


def risen(before: Usage, now: Usage, wanted: Usage) -> bool:
    """Whether each resource that was asked for is used more than before, by at least half of what the stress would add."""
    return all(
        now.get(key, 0.0) - before.get(key, 0.0) >= max(LEAST[key], (amount - before.get(key, 0.0)) / 2)
        for key, amount in wanted.items()
    )


def said(usage: Usage, of: Iterable[str]) -> str:
    """`0.49 cores`, `39 MiB`."""
    units = {"cpu": lambda v: f"{v:.2f} cores", "memory": lambda v: f"{v / 1024**2:.0f} MiB"}
    return " and ".join(units[key](usage.get(key, 0.0)) for key in of)


def number(quantity: Any) -> float:
    """A quantity of Kubernetes: `250m`, `39Mi`, `123456n`."""
    from kubernetes.utils.quantity import parse_quantity

    return float(parse_quantity(quantity))


def _by_metrics(cluster: ClusterApi, space: str, name: str) -> Usage | None:
    try:
        found = cluster.get(f"/apis/metrics.k8s.io/v1beta1/namespaces/{space}/pods/{name}")
    except troubles():
        return None
    used = [c.get("usage") or {} for c in (found or {}).get("containers") or ()]
    return {key: sum(number(u.get(key) or 0) for u in used) for key in LEAST} if used else None


def _by_kubelet(cluster: ClusterApi, node: str) -> dict[str, Usage]:
    try:
        found = cluster.get(f"/api/v1/nodes/{node}/proxy/stats/summary") if node else None
    except troubles():
        return {}
    return {
        f"{pod['podRef']['namespace']}/{pod['podRef']['name']}": {
            "cpu": sum((c.get("cpu") or {}).get("usageNanoCores") or 0 for c in pod.get("containers") or ()) / 1e9,
            "memory": float(
                sum((c.get("memory") or {}).get("workingSetBytes") or 0 for c in pod.get("containers") or ())
            ),
        }
        for pod in (found or {}).get("pods") or ()
    }


def _size(text: str, limit: float | None) -> float | None:
    """Bytes of `50MB`, `1GiB`, or of a percentage of the container's limit; None for what cannot be told."""
    stripped = text.strip()
    if stripped.endswith("%"):
        return None if limit is None else limit * float(stripped[:-1]) / 100
    units = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
    digits = stripped.rstrip("BiKMGTkmgt")
    unit = stripped[len(digits) :].upper().removesuffix("B").removesuffix("I")
    try:
        return float(digits) * units[unit]
    except (KeyError, ValueError):
        return None
