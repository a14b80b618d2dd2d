"""Systems: real fault systems from ../shared/systems, started in the cluster of KUBECONFIG for a test session, and taken away again."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.kube import Kube

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = Path(os.environ.get("CHAOS_RUN_SYSTEMS") or ROOT.parent / "shared/systems/systems")
"""The program that starts them."""
CALL_S = 120
EVERYTHING = os.environ.get("CHAOS_RUN_CATALOGUE") == "1"
"""Whether all that can run here is to run; else what one driver needs to be held to the real thing."""
catalogue = pytest.mark.skipif(not EVERYTHING, reason="a part of the catalogue: CHAOS_RUN_CATALOGUE=1 runs it")


@contextmanager
def running(name: str, kube: Kube) -> Iterator[None]:
    """One system beside the cluster, for as long as the block. Skips where it is not to be had, or would go into another cluster."""
    if not SYSTEMS.is_file():
        pytest.skip(f"no {SYSTEMS}, so nothing starts a real {name} (CHAOS_RUN_SYSTEMS names another place)")
    started = _call("up", name)
    if started.returncode:
        pytest.skip(f"a real {name} does not start here: {started.stderr.strip().splitlines()[-1:]}")
    try:
        if _server_named_in(started.stdout) != _server(kube.kubeconfig):
            pytest.skip(f"{SYSTEMS} would put {name} into another cluster than that of KUBECONFIG")
        yield
    finally:
        assert _call("down", name).returncode == 0, f"{name} could not be taken away"


def _call(verb: str, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SYSTEMS, verb, name], capture_output=True, text=True, timeout=CALL_S, check=False)


def _server_named_in(printed: str) -> str:
    named = [line.partition("KUBECONFIG=")[2] for line in printed.splitlines() if "KUBECONFIG=" in line]
    return _server(named[0]) if named else ""


def _server(kubeconfig: str) -> str:
    from ruamel.yaml import YAML

    read = YAML(typ="safe").load(Path(kubeconfig).read_text("utf-8"))
    return str(json.loads(json.dumps(read))["clusters"][0]["cluster"]["server"])
