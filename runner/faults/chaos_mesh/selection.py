"""Selection: which pods a selector of Chaos Mesh finds now, so that they are known, and shown, before anything is injected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.faults.cluster_api import ClusterApi
from runner.faults.kubernetes.created import selector as labels

Pod = Mapping[str, Any]
"""As the API gives it."""


def pods(cluster: ClusterApi, selector: Mapping[str, Any], home: str) -> list[Pod]:
    """The pods that it finds; `home` is the namespace of the object, which counts where the selector names none."""
    if named := selector.get("pods"):  # then nothing else counts
        found = (cluster.get(f"/api/v1/namespaces/{space}/pods/{n}") for space, names in named.items() for n in names)
        return [pod for pod in found if pod]
    rules = {"matchLabels": selector.get("labelSelectors"), "matchExpressions": selector.get("expressionSelectors")}
    fields = ",".join(f"{k}={v}" for k, v in (selector.get("fieldSelectors") or {}).items())
    query = {"labelSelector": labels(rules), "fieldSelector": fields}
    query = {key: value for key, value in query.items() if value}
    nodes = _nodes(cluster, selector)
    return [
        pod for space in spaces(selector, home) for pod in _listed(cluster, space, query) if _fits(pod, selector, nodes)
    ]


def leaving(pod: Pod) -> bool:
    """Whether it is on its way out: Chaos Mesh may choose it all the same, but what comes of it proves nothing."""
    return "deletionTimestamp" in pod["metadata"]


def spaces(selector: Mapping[str, Any], home: str) -> list[str]:
    """The namespaces that it looks in."""
    return [*map(str, selector.get("pods") or selector.get("namespaces") or [home])]


def _listed(cluster: ClusterApi, space: str, query: Mapping[str, str]) -> Iterator[Pod]:
    yield from cluster.items(f"/api/v1/namespaces/{space}/pods", **query)


def _fits(pod: Pod, selector: Mapping[str, Any], nodes: frozenset[str] | None) -> bool:
    notes = pod["metadata"].get("annotations") or {}
    phases = [str(phase).lower() for phase in selector.get("podPhaseSelectors") or ()]
    return (
        (nodes is None or pod["spec"].get("nodeName") in nodes)
        and all(notes.get(k) == v for k, v in (selector.get("annotationSelectors") or {}).items())
        and (not phases or str((pod.get("status") or {}).get("phase")).lower() in phases)
    )


def _nodes(cluster: ClusterApi, selector: Mapping[str, Any]) -> frozenset[str] | None:
    """Those by name and those by label together; None where it does not choose by node."""
    if not selector.get("nodes") and not selector.get("nodeSelectors"):
        return None
    matching = labels({"matchLabels": selector.get("nodeSelectors")})
    found = cluster.items("/api/v1/nodes", labelSelector=matching) if matching else []
    return frozenset((*map(str, selector.get("nodes") or ()), *(n["metadata"]["name"] for n in found)))
