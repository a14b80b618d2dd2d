"""Where a run takes place: the cluster of a kubeconfig; without one the playground that is up, or one of its own."""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runner import errors
from runner.engine.options import Options
from runner.playground import start as playground
from runner.safety import context, policy
from runner.store import place

CLUSTER_MODULES = ("chaosk8s",)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The judged context and what the run's processes need in their environment."""

    context: str
    environment: str
    lifeline: int
    """Write end of a pipe that every process of the run holds: at its end the playground ends."""
    env: Mapping[str, str] = field(default_factory=dict)
    playground: Mapping[str, Any] | None = None
    """`{pid, created}` of a playground that ends with the run."""
    shared_name: str = ""
    """What is struck, by a name that means the same on every machine; empty where no other machine can strike it."""


@asynccontextmanager
async def prepare(options: Options, document: Mapping[str, Any], folder: Path) -> AsyncIterator[Surroundings]:
    """Find the context and judge it, or start a playground. Raises Refused, UsageError, EnvironmentFailure."""
    read, write = os.pipe()
    try:
        async with _choose(options, document, folder, read, write) as found:
            yield found
    finally:
        os.close(write)
        os.close(read)


@asynccontextmanager
async def _choose(
    options: Options, document: Mapping[str, Any], folder: Path, read: int, write: int
) -> AsyncIterator[Surroundings]:
    staying = playground.read(place.playground_dir())
    if staying is not None and not staying.alive():
        staying = None
    if options.playground or (wants_cluster(document) and not _has_kubeconfig(options)):
        if staying is not None:
            yield _inside(staying, options, write)
        else:
            async with _playground(options, folder, read, write) as found:
                yield found
    elif wants_cluster(document) or options.context or options.kubeconfig:
        yield _cluster(options, write, staying)
    else:
        yield Surroundings(context="", environment=policy.LOCAL, lifeline=write, shared_name="no cluster")


@asynccontextmanager
async def _playground(options: Options, folder: Path, read: int, write: int) -> AsyncIterator[Surroundings]:
    started = await playground.start(folder / "playground", lifeline=read)
    try:
        ours = {"pid": started.pid, "created": started.created}
        yield replace(_inside(started, options, write), playground=ours)
    finally:
        await started.stop()


def _inside(found: playground.Playground, options: Options, write: int) -> Surroundings:
    env = {"KUBECONFIG": str(found.kubeconfig), "KUBERNETES_CONTEXT": found.context}
    urls = {f"{name.upper()}_URL": url for name, url in found.urls.items()}
    return Surroundings(
        context=found.context, environment="sandbox", lifeline=write, env=env | urls | _namespace(options)
    )


def _cluster(options: Options, write: int, staying: playground.Playground | None) -> Surroundings:
    found = context.find(options.kubeconfig, options.context)
    if found is None:
        raise errors.UsageError("this experiment needs a cluster, and there is no kubeconfig", hint="try --playground")
    if staying is not None and found.kubeconfig == staying.kubeconfig.resolve():
        return _inside(staying, options, write)  # with its addresses: its shop may stand on any port
    clearance = policy.judge_context(found.name)
    clearance.require()
    here = urlsplit(found.server).hostname in ("localhost", "127.0.0.1", "::1", "0.0.0.0")
    return Surroundings(
        context=found.name,
        environment=clearance.environment,
        lifeline=write,
        env=found.env | _namespace(options),
        shared_name=f"{found.name} on {platform.node()}" if here else found.name,
    )


def _namespace(options: Options) -> dict[str, str]:
    return {"SHOP_NAMESPACE": options.namespace} if options.namespace else {}


def _has_kubeconfig(options: Options) -> bool:
    return bool(options.kubeconfig or options.context) or context.find(None, None) is not None


def wants_cluster(document: Mapping[str, Any]) -> bool:
    """Whether any activity comes from the Kubernetes extension."""
    return any(m.split(".")[0] in CLUSTER_MODULES for m in modules(document))


def modules(document: Mapping[str, Any]) -> list[str]:
    """The Python modules of all activities, controls left out: imported ahead by worker and undoer."""
    hypothesis = (document.get("steady-state-hypothesis") or {}).get("probes") or []
    activities = [*hypothesis, *(document.get("method") or []), *(document.get("rollbacks") or [])]
    named = [(a.get("provider") or {}).get("module") for a in activities if isinstance(a, Mapping)]
    return list(dict.fromkeys(m for m in named if isinstance(m, str)))
