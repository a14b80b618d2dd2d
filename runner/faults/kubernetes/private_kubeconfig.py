"""Handed: the private kubeconfig of a run. Whatever runs for the experiment finds the one cleared context in it, or none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import errors, files
from runner.faults.kubernetes import context
from runner.faults.kubernetes.context import Context

NAME = ".kubeconfig"
"""In the run's folder, for its owner only; hidden, and so in no bundle and no uploaded artefact."""
NOWHERE = "http://127.0.0.1:1/no-cluster-was-handed-to-this-experiment"
"""Where kubectl asks when it is handed no cluster: without this it tries localhost:8080."""
ASTRAY = (
    *("KUBECONFIG", "KUBERNETES_CONTEXT", "KUBERNETES_MASTER"),
    *("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "CHAOSTOOLKIT_IN_POD"),
    *("KUBERNETES_HOST", "KUBERNETES_API_KEY", "KUBERNETES_API_KEY_PREFIX", "KUBERNETES_CERT_FILE"),
    *("KUBERNETES_KEY_FILE", "KUBERNETES_USERNAME", "KUBERNETES_PASSWORD", "KUBERNETES_CA_CERT_FILE"),
    *("HELM_KUBECONTEXT", "HELM_KUBEAPISERVER", "HELM_KUBETOKEN", "HELM_KUBECAFILE", "HELM_KUBETLS_SERVER_NAME"),
    *("HELM_KUBEASUSER", "HELM_KUBEASGROUPS", "HELM_KUBEINSECURE_SKIP_TLS_VERIFY"),
)
"""Variables by which kubectl, helm, istioctl and the clients would find another cluster than the one handed to them."""
_EMPTY = {"apiVersion": "v1", "kind": "Config", "current-context": "", "clusters": [], "users": [], "contexts": []}


def hand(folder: Path, found: Context | None) -> dict[str, str]:
    """Write the run's private kubeconfig; what its processes must have in their environment. Raises OSError."""
    path = folder / NAME
    files.write_atomically(path, found.config if found else _EMPTY, mode=0o600, durable=False)
    if found is None:
        return {"KUBECONFIG": str(path), "KUBERNETES_MASTER": NOWHERE}
    around = {k: os.environ[k] for k in ASTRAY if k.startswith("KUBERNETES_SERVICE") and k in os.environ}
    return {"KUBECONFIG": str(path), "KUBERNETES_CONTEXT": found.name} | (around if found.in_cluster else {})


def environment(handed: Mapping[str, str], around: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment with what was handed in the place of all that would lead elsewhere."""
    return {k: v for k, v in around.items() if k not in ASTRAY} | dict(handed)


def origin(found: Context | None) -> dict[str, str]:
    """What `renew` needs to know later, on disk: of the server only a hash, for some addresses are as good as a key."""
    return {"context": found.name, "server": hashed(found.server), "kubeconfig": found.origin} if found else {}


def renew(folder: Path, known: Mapping[str, Any]) -> None:
    """For an undo that comes later: the same context as it is now, with a login that is newer than ours.

    Only if it still leads to the same server; else what the run had stays, if it is still there.
    """
    if not known.get("context") or known["kubeconfig"] == context.SERVER:
        return
    env = os.environ if not known["kubeconfig"] else {}
    try:
        found = context.find(known["kubeconfig"] or None, known["context"], env)
    except (errors.ChaosRunError, OSError):
        return
    if found is not None and hashed(found.server) == known["server"]:
        files.write_atomically(folder / NAME, found.config, mode=0o600)


def hashed(server: str) -> str:
    """Of a server's address, as `origin` keeps it."""
    return hashlib.sha256(server.encode()).hexdigest()


def forget(folder: Path) -> None:
    """Nobody needs it any more: the run is over, and nothing is left to be undone."""
    (folder / NAME).unlink(missing_ok=True)
