"""The shop on the cluster of KUBECONFIG: made when it is not there, whole before each test, and gone again when we made it.

Without a KUBECONFIG these tests run on a playground of their own, so that every machine holds their promises; what only a real
Kubernetes can show is marked `real`.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.playground import start as embedded
from tests.cluster.kube import Kube, answers_newcomers, find_kubectl, manifest, until
from tests.cluster.program import ChaosRun

ROOT = Path(__file__).resolve().parents[2]
KUBECONFIG = os.environ.get("KUBECONFIG")
SHOP_URL = os.environ.get("SHOP_URL")
SHORTER = (
    (r"baseline: \d+s", "baseline: 3s"),
    (r"stable: \d+s", "stable: 2s"),
    (r"pauses: {after: \d+}", "pauses: {after: 4}"),
)
NAMESPACE = os.environ.get("SHOP_NAMESPACE", "shop")
"""Read here, while tests are collected: the shelter of every test takes them out of the environment."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below this folder lasts as long as a cluster takes; what would break the one of KUBECONFIG is marked."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(240))
            if KUBECONFIG:
                item.add_marker(pytest.mark.cluster)
            elif item.get_closest_marker("real"):
                item.add_marker(pytest.mark.skip(reason="needs a real Kubernetes (KUBECONFIG)"))


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the cluster to break: the one of KUBECONFIG, else a playground."""
    if KUBECONFIG:
        yield KUBECONFIG
        return
    with playground(tmp_path_factory.mktemp("playground")) as started:
        yield started


@pytest.fixture(scope="session")
def kube(kubeconfig: str) -> Iterator[Kube]:
    """Skips where the cluster does not answer."""
    found = _reachable(kubeconfig)
    states = {n["metadata"]["name"]: n["status"]["phase"] for n in found.get("namespaces")}
    if states.get(NAMESPACE) == "Terminating":  # of the session before
        found.run("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=50s")
        del states[NAMESPACE]
    there = NAMESPACE in states
    if not there:
        text = (ROOT / "runner/playground/shop.yaml").read_text("utf-8")
        found.run("apply", "-f", "-", stdin=manifest(text, NAMESPACE, keep_port=NAMESPACE == "shop"))
    yield found
    if not there:  # it takes ten seconds to go, which nobody has to wait for
        found.run("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(autouse=True)
def _whole(kube: Kube) -> None:
    """Three pods before each test, wherever the last one left it, and every new connection finds one."""
    if not kube.is_whole(3):
        kube.scale(3)
    url = SHOP_URL or f"http://127.0.0.1:{kube.node_port()}"
    until(lambda: answers_newcomers(url), 60, "the nodes' proxies to have learnt where the pods are")


@pytest.fixture
def chaos_run(kube: Kube) -> ChaosRun:
    """The command line, told where the shop is."""
    url = SHOP_URL or f"http://127.0.0.1:{kube.node_port()}"
    return ChaosRun(kubeconfig=kube.kubeconfig, namespace=NAMESPACE, shop_url=url)


@pytest.fixture
def short(tmp_path: Path) -> Callable[..., Path]:
    """A shipped experiment with shorter windows and pauses: the same fault, objectives and guards.

    Of so few requests three that fail together leave 99 % undecided: a test that wants a PASS asks for 95 %.
    """

    def shortened(path: Path, target: str = "99%") -> Path:
        text = path.read_text("utf-8").replace("target: 99%", f"target: {target}")
        for long, brief in SHORTER:
            text = re.sub(long, brief, text)
        copy = tmp_path / path.name
        copy.write_text(text, "utf-8")
        return copy

    return shortened


@contextmanager
def playground(folder: Path) -> Iterator[str]:
    """The kubeconfig of a playground that is there for as long as this lasts."""
    read, write = os.pipe()

    async def start() -> embedded.Playground:
        return await embedded.start(folder, lifeline=read)

    started = asyncio.run(start())
    try:
        yield str(started.kubeconfig)
    finally:
        asyncio.run(started.stop())
        os.close(write)
        os.close(read)


def _reachable(kubeconfig: str) -> Kube:
    kubectl = find_kubectl()
    if kubectl is None:
        pytest.skip("no kubectl: set KUBECTL, or put one on PATH")
    found = Kube(kubectl=kubectl, kubeconfig=kubeconfig, namespace=NAMESPACE)
    try:
        found.run("get", "--raw", "/readyz", "--request-timeout=5s")
    except (AssertionError, subprocess.TimeoutExpired) as problem:
        pytest.skip(f"the cluster of KUBECONFIG does not answer: {problem}")
    return found
