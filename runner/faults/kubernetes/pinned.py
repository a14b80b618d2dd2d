"""Pinned: the arguments with which a stock action that chooses among pods or nodes hits exactly those that a person has named."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from runner.faults.kubernetes import pods_and_nodes
from runner.faults.kubernetes.signatures import Arguments

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

_PODS = (pods_and_nodes.pods, pods_and_nodes.pods_entered)
_NODES = (pods_and_nodes.nodes, pods_and_nodes.drain)


def arguments(cluster: Cluster, resolve: object, given: Arguments, names: Collection[str]) -> dict[str, Any] | None:
    """Of the action that is resolved so; None where it cannot be aimed at any of these names, or only at more besides."""
    if resolve in _PODS:
        return _pods(cluster, given, names)
    return _node(cluster, given, names) if resolve in _NODES else None


def _pods(cluster: Cluster, given: Arguments, names: Collection[str]) -> dict[str, Any] | None:
    """Among those that the file selects: all that match a pattern of whole names."""
    namespace = given.get("ns", "default")
    found = cluster.pods(namespace, given.get("label_selector"), given.get("name_pattern"))
    ours = [p["name"] for p in found if f"pod/{namespace}/{p['name']}" in names]
    if not ours:
        return None
    pattern = "|".join(map(re.escape, ours))
    kept = {k: v for k, v in given.items() if k not in ("qty", "mode", "order")}
    return {**kept, "name_pattern": f"^(?:{pattern})$", "all": True, "rand": False}


def _node(cluster: Cluster, given: Arguments, names: Collection[str]) -> dict[str, Any] | None:
    """One: these actions take a single name."""
    ours = [n["name"] for n in pods_and_nodes.matching(cluster, given) if f"node/{n['name']}" in names]
    if len(ours) != 1:
        return None
    return {**{k: v for k, v in given.items() if k != "count"}, "name": ours[0]}
