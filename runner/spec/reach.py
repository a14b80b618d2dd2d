"""Reach: whether what an experiment calls touches a cluster. Decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

CLUSTER = ("chaosk8s", "chaosistio", "chaosmesh", "litmus")
"""Packages that strike a Kubernetes cluster."""
APART = (
    *("chaosaws", "chaosazure", "chaosgcp", "chaosgremlin", "chaosprometheus", "chaosreliably", "chaostoxi"),
    *("chaosaddons", "time"),
)
"""Packages that reach systems of their own and never a cluster by way of a kubeconfig."""


class Reach(IntEnum):
    """From least to most."""

    NONE = 0
    """HTTP calls and packages that are known to reach no cluster."""
    PERHAPS = 1
    """A program or somebody's own Python code: it strikes whatever its environment lets it reach."""
    CLUSTER = 2
    """It cannot do its work without one."""


def of(document: Mapping[str, Any]) -> Reach:
    """The farthest that any activity, rollback, control or configuration probe of an experiment reaches."""
    return max(map(_of_provider, providers(document)), default=Reach.NONE)


def of_cluster(module: str) -> bool:
    """Whether a module by its full name belongs to a package that strikes a cluster."""
    return module.partition(".")[0] in CLUSTER


def _of_provider(provider: Mapping[str, Any]) -> Reach:
    if provider.get("type") == "http":
        return Reach.NONE
    package = str(provider.get("module") or "").partition(".")[0]
    if package in CLUSTER:
        return Reach.CLUSTER
    return Reach.NONE if package in APART else Reach.PERHAPS


def providers(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every provider in a tree, however deep: of activities, tolerances, controls and configuration alike."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "provider" and isinstance(inner, Mapping):
                yield inner
            elif key != "extensions":
                yield from providers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from providers(inner)
