"""Needs: whether what an experiment of the catalogue needs is there; looked for read-only, in a second or two."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.util import find_spec

NO_CLUSTER = "no Kubernetes answers at the current context of the kubeconfig"
PLAYGROUND = ("cluster", "toxiproxy", "playground")
"""What a run with `--playground` has in any case."""
SECONDS = 2.0
"""How long one look may take."""


def missing(needs: Iterable[str]) -> list[str]:
    """A sentence for each need that is not met here. The words are those of `needs:` in an experiment's block:

    `cluster` (a Kubernetes that the current kubeconfig leads to, and that answers) · `api:GROUP/VERSION` (served by it) ·
    `program:NAME` (on the PATH) · `package:NAME` (an importable Python package) · `env:NAME` (a variable that is set) ·
    `http:URL` (answers at all) · `root` · `toxiproxy` (at TOXIPROXY_URL) · `playground` (what no other target has).
    """
    return list(dict.fromkeys(said for need in needs if (said := _look(need))))


@cache
def _look(need: str) -> str:
    word, _, name = need.partition(":")
    return _LOOKS[word](name)


def _cluster(name: str) -> str:
    return "" if _groups() is not None else NO_CLUSTER


def _api(name: str) -> str:
    groups = _groups()
    return NO_CLUSTER if groups is None else "" if name in groups else f"the cluster does not serve {name}"


def _program(name: str) -> str:
    return "" if shutil.which(name) else f"the program {name} is not installed"


def _package(name: str) -> str:
    return "" if find_spec(name) else f"the Python package {name} is not installed"


def _env(name: str) -> str:
    return "" if os.environ.get(name) else f"{name} is not set"


def _http(url: str) -> str:
    import httpx

    try:
        httpx.get(url, timeout=SECONDS, headers={"User-Agent": "chaos-run"})
    except (httpx.HTTPError, httpx.InvalidURL):
        return f"nothing answers at {url}"
    return ""


def _toxiproxy(name: str) -> str:
    url = os.environ.get("TOXIPROXY_URL")
    if not url:
        return "TOXIPROXY_URL does not say where Toxiproxy is"
    return _http(f"{url.rstrip('/')}/version")


def _playground(name: str) -> str:
    return "only the playground has it: --playground"


def _root(name: str) -> str:
    return "" if os.geteuid() == 0 else "it needs root"


@cache
def _groups() -> frozenset[str] | None:
    """Every `group/version` that the cluster of the current context serves; None where none answers."""
    import kubernetes
    import urllib3

    try:
        api = kubernetes.config.new_client_from_config()
        found: Mapping[str, list[Mapping[str, list[Mapping[str, str]]]]] = api.call_api(
            "/apis", "GET", response_type="object", auth_settings=["BearerToken"], _request_timeout=SECONDS
        )[0]
    except (kubernetes.config.ConfigException, kubernetes.client.ApiException, urllib3.exceptions.HTTPError, OSError):
        return None
    return frozenset(v["groupVersion"] for g in found["groups"] for v in g["versions"])


_LOOKS: Mapping[str, Callable[[str], str]] = {
    "cluster": _cluster,
    "api": _api,
    "program": _program,
    "package": _package,
    "env": _env,
    "http": _http,
    "root": _root,
    "toxiproxy": _toxiproxy,
    "playground": _playground,
}
