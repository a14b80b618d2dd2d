"""Where the run would strike: the kubeconfig's context, found as Chaos Toolkit's Kubernetes extension finds it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import errors
from runner.spec import source

PLAYGROUND = "playground"


@dataclass(frozen=True, kw_only=True)
class Context:
    """One context of one kubeconfig file."""

    name: str
    kubeconfig: Path
    server: str = ""
    namespace: str = "default"

    @property
    def env(self) -> dict[str, str]:
        """What every process of the run must have in its environment, so that all strike the same cluster."""
        return {"KUBECONFIG": str(self.kubeconfig), "KUBERNETES_CONTEXT": self.name}


def find(kubeconfig: str | None, context: str | None, env: Mapping[str, str] = os.environ) -> Context | None:
    """The context to use, or None when this machine has no kubeconfig. Raises UsageError for one that cannot be used."""
    path = _file(kubeconfig or env.get("KUBECONFIG"), env)
    if path is None:
        if kubeconfig or context:
            raise errors.UsageError(
                f"no kubeconfig at {kubeconfig or '~/.kube/config'}", hint="set --kubeconfig or KUBECONFIG"
            )
        return None
    try:
        tree = source.read(str(path)).tree
    except errors.InvalidFile:  # which would show the line, and such lines hold tokens and keys
        tree = None
    if not isinstance(tree, Mapping):
        raise errors.UsageError(f"{path} is not a kubeconfig", hint="set --kubeconfig or KUBECONFIG to one")
    named = {str(c.get("name")): c.get("context") or {} for c in _list(tree, "contexts")}
    chosen = context or tree.get("current-context") or ""
    if chosen not in named:
        known = ", ".join(sorted(named)) or "none"
        raise errors.UsageError(
            f"{path} has no context {chosen!r}", hint=f"its contexts: {known}; choose one with --context"
        )
    clusters = {str(c.get("name")): c.get("cluster") or {} for c in _list(tree, "clusters")}
    details = named[chosen]
    return Context(
        name=chosen,
        kubeconfig=path.resolve(),
        server=str(clusters.get(str(details.get("cluster")), {}).get("server", "")),
        namespace=str(details.get("namespace") or "default"),
    )


def _file(given: str | None, env: Mapping[str, str]) -> Path | None:
    """The first file that is there. An empty setting counts as none; of a list of files only one can be used."""
    if not given:
        home = Path(env.get("HOME", "~")).expanduser() / ".kube" / "config"
        return home if home.is_file() else None
    files = [p for p in given.split(os.pathsep) if p]
    if len(files) > 1:
        raise errors.UsageError(
            "KUBECONFIG names several files, which Chaos Toolkit's Kubernetes extension cannot read",
            hint="merge them: kubectl config view --flatten > one.yaml, then --kubeconfig one.yaml",
        )
    path = Path(files[0]).expanduser() if files else Path()
    if not path.is_file():
        raise errors.UsageError(
            f"there is no kubeconfig at {path}", hint="set --kubeconfig or KUBECONFIG, or use --playground"
        )
    return path


def _list(tree: Any, key: str) -> list[Any]:
    found = tree.get(key) if isinstance(tree, Mapping) else None
    return [item for item in found or () if isinstance(item, Mapping)]
