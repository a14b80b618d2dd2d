"""Systems: real fault systems from ../shared/systems, for as long as a block: in a cluster that runs, or with an API server alone."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

SYSTEMS = Path(os.environ.get("CHAOS_RUN_SYSTEMS") or Path(__file__).resolve().parents[3] / "shared/systems/systems")
"""The program that starts them."""
CALL_S = 300
EVERYTHING = os.environ.get("CHAOS_RUN_CATALOGUE") == "1"
"""Whether all that can run here is to run; else what a driver needs to be held to the real thing."""
catalogue = pytest.mark.skipif(not EVERYTHING, reason="a part of the catalogue: CHAOS_RUN_CATALOGUE=1 runs it")


@contextmanager
def in_cluster(name: str, kubeconfig: str) -> Iterator[None]:
    """One system in the cluster of this kubeconfig. Skips where it is not to be had, or would go into another one."""
    printed = _up(name, os.environ)
    try:
        if _server(_kubeconfig_of(printed)) != _server(kubeconfig):
            pytest.skip(f"{SYSTEMS} puts {name} into another cluster than that of KUBECONFIG")
        yield
    finally:
        assert _call(os.environ, "down", name).returncode == 0, f"{name} could not be taken away"


@contextmanager
def alone(name: str, folder: Path) -> Iterator[str]:
    """One system with an API server of its own, in which nothing runs; its kubeconfig. Skips where it is not to be had."""
    env = {**os.environ, "SYSTEMS_HOME": str(folder)}
    try:
        yield _kubeconfig_of(_up(name, env, "--api-only"))
    finally:
        _end_at_once(folder / "pid/kube-apiserver")
        assert _call(env, "down").returncode == 0, f"{name} could not be taken away"


def _up(name: str, env: Mapping[str, str], *options: str) -> str:
    if not SYSTEMS.is_file():
        pytest.skip(f"no {SYSTEMS}, so nothing starts a real {name} (CHAOS_RUN_SYSTEMS names another place)")
    if os.geteuid():
        pytest.skip(f"{SYSTEMS} needs root to start a real {name}")
    started = _call(env, "up", name, *options)
    if started.returncode:
        pytest.skip(f"a real {name} does not start here: {started.stderr.strip()[-300:]}")
    return started.stdout


def _end_at_once(noted: Path) -> None:
    """Of an API server that goes anyway nothing has to be taken out one by one, which takes twenty seconds."""
    if noted.is_file():
        os.kill(int(noted.read_text().split()[0]), signal.SIGKILL)


def _call(env: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SYSTEMS, *words], env=env, capture_output=True, text=True, timeout=CALL_S, check=False)


def _kubeconfig_of(printed: str) -> str:
    (named,) = [line.partition("KUBECONFIG=")[2] for line in printed.splitlines() if "KUBECONFIG=" in line]
    return named


def _server(kubeconfig: str) -> str:
    from ruamel.yaml import YAML

    return str(YAML(typ="safe").load(Path(kubeconfig).read_text("utf-8"))["clusters"][0]["cluster"]["server"])
