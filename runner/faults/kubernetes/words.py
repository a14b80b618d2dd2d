"""What the words of a program say of clusters: the namespaces that it names, and a cluster of its own that nobody cleared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runner.faults import host
from runner.faults.driver import Provider


def namespaces(provider: Provider) -> tuple[str, ...]:
    """The namespaces that the arguments of a program or of somebody's own code name; the rest of what they reach is unknown.

    `-n` counts only beside one of the programs that mean a namespace by it.
    """
    if not host.runs_anything(provider):
        return ()
    given = provider.get("arguments")
    if provider.get("type") != "process":
        named = [given.get(k) for k in ("ns", "namespace")] if isinstance(given, Mapping) else []
        return tuple(n for n in named if isinstance(n, str) and n)
    said = " ".join([str(provider.get("path")), *_words(given)])
    return tuple(dict.fromkeys(_NAMESPACE.findall(said))) if _PROGRAM.search(said) else ()


def elsewhere(provider: Provider, context: str) -> str:
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


def named_in(arguments: Any) -> tuple[str, ...]:
    """The namespace that the arguments of a stock action name."""
    named = arguments.get("ns") if isinstance(arguments, Mapping) else None
    return (str(named),) if named else ()
