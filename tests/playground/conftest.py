"""One playground for the tests that leave it as they found it, and a way to start more."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from runner.playground import start
from tests.playground.kubectl import Kubectl

KUBECONFIG = os.environ.get("KUBECONFIG")
"""Read while tests are collected: the shelter of every test takes it out of the environment."""


@pytest.fixture(scope="session")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[start.Playground]:
    """Shared by the session; a test that breaks the shop puts it right again."""
    read, held = os.pipe()  # killed ourselves, we leave no playground behind
    found = asyncio.run(start.start(tmp_path_factory.mktemp("playground"), lifeline=read))
    os.close(read)
    yield found
    asyncio.run(found.stop())
    os.close(held)


@pytest.fixture
def kubectl(playground: start.Playground) -> Kubectl:
    return Kubectl(playground.kubeconfig, "shop")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[..., start.Playground]]:
    """Start playgrounds of the test's own; they are gone afterwards."""
    made: list[start.Playground] = []

    def begin(lifeline: int | None = None, name: str = "one") -> start.Playground:
        made.append(asyncio.run(start.start(tmp_path / name, lifeline=lifeline)))
        return made[-1]

    yield begin
    for found in made:
        asyncio.run(found.stop())


@pytest.fixture
def real() -> Path:
    """The kubeconfig of a real cluster; skips without one."""
    if not KUBECONFIG:
        pytest.skip("no KUBECONFIG: nothing to compare with")
    return Path(KUBECONFIG)


def children(pid: int) -> list[psutil.Process]:
    """Every process a playground has started: pods and balancer."""
    return psutil.Process(pid).children(recursive=True)
