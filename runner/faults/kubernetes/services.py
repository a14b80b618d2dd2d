"""Behind: which Services lead users to what is about to be struck; read from the cluster, as far as we may look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from runner.faults.kubernetes import client

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

Labels = Mapping[str, str]


def services(found: Cluster, targets: Iterable[str]) -> list[str]:
    """`shop/storefront` of each Service that selects a pod among the targets, on a targeted node or of a targeted workload.

    What we may not list we do not know of, and say nothing.
    """
    by_space: dict[str, list[Labels]] = {}
    for namespace, labels in _struck(found, list(targets)):
        by_space.setdefault(namespace, []).append(labels)
    return [
        f"{namespace}/{service['metadata']['name']}"
        for namespace, struck in by_space.items()
        for service in _items(found, f"/api/v1/namespaces/{namespace}/services")
        if any(_selects(service, labels) for labels in struck)
    ]


def _struck(found: Cluster, targets: list[str]) -> Iterable[tuple[str, Labels]]:
    """Namespace and labels of each pod that the targets are, hold or own."""
    nodes = {t.partition("/")[2] for t in targets if t.startswith("node/")}
    named = [t.split("/") for t in targets if t.count("/") == 2]
    pods = _items(found, "/api/v1/pods") if nodes else []
    for namespace in sorted({namespace for _, namespace, _ in named}):
        pods += _items(found, f"/api/v1/namespaces/{namespace}/pods")
    for pod in pods:
        meta = pod["metadata"]
        mine = [(kind, name) for kind, namespace, name in named if namespace == meta["namespace"]]
        if pod["spec"].get("nodeName") in nodes or any(_is_of(meta["name"], kind, name) for kind, name in mine):
            yield meta["namespace"], meta.get("labels") or {}


def _is_of(pod: str, kind: str, name: str) -> bool:
    return pod == name if kind == "pod" else pod.startswith(f"{name}-")


def _selects(service: Mapping[str, Any], labels: Labels) -> bool:
    wanted = service["spec"].get("selector") or {}
    return bool(wanted) and all(labels.get(name) == value for name, value in wanted.items())


def _items(found: Cluster, path: str) -> list[dict[str, Any]]:
    try:
        listed = found.read(path) or {}
    except (client.Unseen, *client.TROUBLES):
        return []
    return list(listed.get("items") or ())
