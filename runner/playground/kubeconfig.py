"""The kubeconfig of a playground: one cluster, one user with a token, one context named `playground`."""

from __future__ import annotations

from pathlib import Path

from runner import files

CONTEXT = "playground"


def write(path: Path, url: str, token: str) -> None:
    """JSON is YAML, and every client reads it. Readable by the owner only: the token is in it.

    It stands in the server's path too: kubectl sends no Authorization header over plain HTTP, but any path.
    """
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "clusters": [{"name": CONTEXT, "cluster": {"server": f"{url}/{token}"}}],
        "users": [{"name": CONTEXT, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
    }
    files.write_atomically(path, content, mode=0o600)
