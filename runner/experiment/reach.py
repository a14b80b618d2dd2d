"""Reach: whether what an experiment calls touches a cluster. Decided here and nowhere else."""

from __future__ import annotations

import re
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
    return max(map(of_provider, providers(document)), default=Reach.NONE)


def of_cluster(module: str) -> bool:
    """Whether a module by its full name belongs to a package that strikes a cluster."""
    return module.partition(".")[0] in CLUSTER


def spaces(provider: Mapping[str, Any]) -> tuple[str, ...]:
    """The namespaces that the arguments of a program or of somebody's own code name; the rest of what they reach is unknown.

    `-n` counts only beside one of the programs that mean a namespace by it.
    """
    if of_provider(provider) is not Reach.PERHAPS:
        return ()
    given = provider.get("arguments")
    if provider.get("type") != "process":
        named = [given.get(k) for k in ("ns", "namespace")] if isinstance(given, Mapping) else []
        return tuple(n for n in named if isinstance(n, str) and n)
    said = " ".join([str(provider.get("path")), *_words(given)])
    return tuple(dict.fromkeys(_NAMESPACE.findall(said))) if _PROGRAM.search(said) else ()


def elsewhere(provider: Mapping[str, Any], context: str) -> str:
    """By which words a program would leave the cluster that was cleared, `--context prod-eu`; empty where it does not say so."""
    if provider.get("type") != "process":
        return ""
    said = " ".join([str(provider.get("path")), *_words(provider.get("arguments"))])
    for option, value in _ELSEWHERE.findall(said) if _PROGRAM.search(said) else ():
        named = value.strip("'\"")
        handed = named in ("$KUBECONFIG", "${KUBECONFIG}") if "config" in option.lower() else named == context
        if not handed:
            return f"{option.rstrip('=')} {named}"
    return ""


_ELSEWHERE = re.compile(
    r"(?:^|[\s;&|(])(--kubeconfig|--context|--kube-context|--server|--kube-apiserver|KUBECONFIG=)(?:\s+|=)?([^\s;&|)]+)"
)
_PROGRAM = re.compile(r"(?:^|[\s/;|&(])(?:kubectl|oc|helm|istioctl|linkerd|argo|flux|kustomize)\b")
_NAMESPACE = re.compile(r"(?:^|\s)(?:-n|--namespace)(?:\s+|=)([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)(?=\s|$)")


def _words(given: Any) -> list[str]:
    if isinstance(given, Mapping):
        return [f"{k} {v}" for k, v in given.items()]
    return [given] if isinstance(given, str) else [str(word) for word in given or ()]


def of_provider(provider: Mapping[str, Any]) -> Reach:
    """How far one provider reaches."""
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
