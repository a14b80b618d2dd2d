"""A playground for the checks of a cluster, and the functions as Chaos Toolkit calls them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.config import kube_config

from runner.playground import start
from runner.probe import checks
from tests.playground.kubectl import Kubectl


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[start.Playground]:
    """One for the tests of a module."""
    read, held = os.pipe()  # killed ourselves, we leave no playground behind
    found = asyncio.run(start.start(tmp_path_factory.mktemp("playground"), lifeline=read))
    os.close(read)
    yield found
    asyncio.run(found.stop())
    os.close(held)


@pytest.fixture
def kubectl(playground: start.Playground, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """Checks read the same cluster."""
    reach(monkeypatch, playground.kubeconfig)
    return Kubectl(playground.kubeconfig, "shop")


def reach(monkeypatch: pytest.MonkeyPatch, kubeconfig: Path) -> None:
    """As a process would that was started with this KUBECONFIG: the client only reads it when it is imported."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))


def call(name: str, /, **arguments: Any) -> str:
    """One reading."""
    probe: Callable[..., str] = getattr(checks, name)
    return probe(**arguments)
