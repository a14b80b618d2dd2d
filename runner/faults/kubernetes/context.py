"""Where the run would strike: the context of a kubeconfig, or in a pod the cluster around it, by its service account."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runner import errors, files
from runner.experiment import source

IN_CLUSTER = "in-cluster"
"""The name of the target that a pod has without any kubeconfig: the cluster it runs in."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts the service account into a pod."""
SERVER = "KUBERNETES_HOST"
"""The origin of a context that comes from variables alone."""
_PATHS = {"cluster": ("certificate-authority",), "user": ("client-certificate", "client-key", "tokenFile")}


@dataclass(frozen=True, kw_only=True)
class Context:
    """One context, with all that a client needs to use it and nothing of any other."""

    name: str
    server: str = ""
    namespace: str = "default"
    origin: str = ""
    """The kubeconfig files that it comes from, as KUBECONFIG names them; `SERVER`; empty for the service account of a pod."""
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """A whole kubeconfig in which it is current and alone, paths made absolute. It holds secrets."""

    @property
    def in_cluster(self) -> bool:
        """Whether it is the cluster around this pod."""
        return not self.origin


def find(
    kubeconfig: str | None, context: str | None, env: Mapping[str, str] = os.environ, *, account: Path = ACCOUNT
) -> Context | None:
    """The context to use, or None on a machine with no kubeconfig and outside of any cluster.

    As kubectl finds it: the given file or files, else `~/.kube/config`, else a pod's service account. As Chaos Toolkit's Kubernetes
    extension has it, KUBERNETES_CONTEXT chooses among several, and without any file KUBERNETES_HOST and its like name the server.
    Raises UsageError for one that cannot be used.
    """
    files = _files(kubeconfig or env.get("KUBECONFIG"), env)
    wanted = context or env.get("KUBERNETES_CONTEXT") or ""
    if files:
        return _of_files(files, wanted)
    if kubeconfig or (context and not in_pod(env, account)):
        raise errors.UsageError(
            f"no kubeconfig at {kubeconfig or '~/.kube/config'}", hint="set --kubeconfig or KUBECONFIG"
        )
    if env.get("KUBERNETES_HOST"):
        return _of_host(env)
    if not in_pod(env, account):
        return None
    if wanted not in ("", IN_CLUSTER):
        raise errors.UsageError(f"there is no kubeconfig here with a context {wanted!r}", hint=f"here is {IN_CLUSTER}")
    return _of_pod(env, account)


def in_pod(env: Mapping[str, str] = os.environ, account: Path = ACCOUNT) -> bool:
    """Whether this process runs in a pod: Kubernetes tells each where its API server is."""
    return bool(env.get("KUBERNETES_SERVICE_HOST")) or (account / "token").exists()


def _of_files(files: Sequence[Path], wanted: str) -> Context:
    trees = [(path, _tree(path)) for path in files]
    named: dict[str, dict[str, Any]] = {"cluster": {}, "context": {}, "user": {}}
    for path, tree in trees:  # of two entries of one name the first counts, as for kubectl
        for kind, found in named.items():
            for entry in _list(tree, f"{kind}s"):
                found.setdefault(str(entry.get("name")), _absolute(kind, entry.get(kind) or {}, path.parent))
    said = ", ".join(map(str, files))
    chosen = wanted or next((str(t["current-context"]) for _, t in trees if t.get("current-context")), "")
    if chosen not in named["context"]:
        known = ", ".join(sorted(named["context"])) or "none"
        problem = f"{said} has no context {chosen!r}" if chosen else f"{said} has no current context"
        raise errors.UsageError(problem, hint=f"its contexts: {known}; choose one with --context")
    details = named["context"][chosen]
    cluster, user = str(details.get("cluster")), str(details.get("user"))
    return _alone(
        chosen,
        details,
        {cluster: named["cluster"].get(cluster, {})},
        {user: named["user"][user]} if user in named["user"] else {},
        origin=os.pathsep.join(str(p.resolve()) for p in files),
    )


def _of_pod(env: Mapping[str, str], account: Path) -> Context:
    host, port = env.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc"), env.get("KUBERNETES_SERVICE_PORT", "443")
    space = account / "namespace"
    details = {
        "cluster": IN_CLUSTER,
        "user": IN_CLUSTER,
        "namespace": space.read_text("utf-8").strip() if space.is_file() else "default",
    }
    cluster = {
        "server": f"https://{f'[{host}]' if ':' in host else host}:{port}",
        "certificate-authority": str(account / "ca.crt"),
    }
    user = {"tokenFile": str(account / "token")}
    return _alone(IN_CLUSTER, details, {IN_CLUSTER: cluster}, {IN_CLUSTER: user}, origin="")


def _of_host(env: Mapping[str, str]) -> Context:
    """The extension's own variables; its name is that of the server."""
    server = env["KUBERNETES_HOST"]
    name = urlsplit(server).netloc.rpartition("@")[2] or server
    cluster: dict[str, Any] = {"server": server}
    if env.get("KUBERNETES_VERIFY_SSL") is None:
        cluster["insecure-skip-tls-verify"] = True  # as the extension has it
    elif env.get("KUBERNETES_CA_CERT_FILE"):
        cluster["certificate-authority"] = env["KUBERNETES_CA_CERT_FILE"]
    ways = {"token": "API_KEY", "client-certificate": "CERT_FILE", "client-key": "KEY_FILE"}
    ways |= {"username": "USERNAME", "password": "PASSWORD"}
    user = {key: env[f"KUBERNETES_{of}"] for key, of in ways.items() if env.get(f"KUBERNETES_{of}")}
    return _alone(name, {"cluster": name, "user": name}, {name: cluster}, {name: user}, origin=SERVER)


def _alone(
    name: str, details: Mapping[str, Any], clusters: Mapping[str, Any], users: Mapping[str, Any], *, origin: str
) -> Context:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": n, "cluster": c} for n, c in clusters.items()],
        "users": [{"name": n, "user": u} for n, u in users.items()],
        "contexts": [{"name": name, "context": {k: v for k, v in details.items() if k != "extensions"}}],
    }
    return Context(
        name=name,
        server=str(next(iter(clusters.values())).get("server", "")),
        namespace=str(details.get("namespace") or "default"),
        origin=origin,
        config=config,
    )


def _absolute(kind: str, entry: Any, base: Path) -> dict[str, Any]:
    """An entry that works from any other folder: paths in a kubeconfig count from where it stands."""
    found = dict(entry) if isinstance(entry, Mapping) else {}
    for key in _PATHS.get(kind, ()):
        if found.get(key):
            found[key] = str(base.resolve() / Path(str(found[key])))
    helper = found.get("exec")
    if isinstance(helper, Mapping) and os.sep in str(helper.get("command", "")):  # else it is looked for on PATH
        found["exec"] = {**helper, "command": str(base.resolve() / Path(str(helper["command"])))}
    return found


def _files(given: str | None, env: Mapping[str, str]) -> list[Path]:
    """The files that are there; an empty setting counts as none, and of a list those that are missing are passed over."""
    if not given:
        home = Path(env.get("HOME", "~")).expanduser() / ".kube" / "config"
        return [home] if files.is_file(home) else []
    asked = [Path(p).expanduser() for p in given.split(os.pathsep) if p]
    found = [path for path in asked if files.is_file(path)]
    if not found:
        said = " or ".join(map(str, asked)) or repr(given)
        raise errors.UsageError(
            f"there is no kubeconfig at {said}", hint="set --kubeconfig or KUBECONFIG, or use --playground"
        )
    return found


def _tree(path: Path) -> Mapping[str, Any]:
    try:
        tree = source.read(str(path)).tree
    except errors.InvalidFile:  # which would show the line, and such lines hold tokens and keys
        tree = None
    if not isinstance(tree, Mapping):
        raise errors.UsageError(f"{path} is not a kubeconfig", hint="set --kubeconfig or KUBECONFIG to one")
    return tree


def _list(tree: Any, key: str) -> list[Any]:
    found = tree.get(key) if isinstance(tree, Mapping) else None
    return [item for item in found or () if isinstance(item, Mapping)] if isinstance(found, list) else []
