"""A run with a fault of Chaos Mesh: killed in the middle of the injection, and from its plan to its report."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.program import ChaosRun
from tests.fakes.chaos_mesh import ChaosMesh, chaos_mesh
from tests.faults.test_chaos_mesh import DELAY, SHOP
from tests.waiting import until

pytestmark = pytest.mark.slow("whole runs")


@pytest.fixture
def mesh() -> Iterator[ChaosMesh]:
    with chaos_mesh() as found:
        yield found


@pytest.fixture
def chaos_run(mesh: ChaosMesh, tmp_path: Path) -> ChaosRun:
    named = {"clusters": [{"name": "c", "cluster": {"server": mesh.url}}], "users": [{"name": "u", "user": {}}]}
    named |= {"contexts": [{"name": "kind-mesh", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}]}
    (tmp_path / "kubeconfig").write_text(json.dumps({**named, "current-context": "kind-mesh"}))
    return ChaosRun(kubeconfig=str(tmp_path / "kubeconfig"), namespace="shop", shop_url="http://127.0.0.1:1")


def experiment(folder: Path, pause: int = 0, **arguments: Any) -> Path:
    provider = {"type": "python", "module": "runner.faults.chaos_mesh.actions", "func": "inject"}
    provider |= {"arguments": {"ns": "shop", "duration": "60s", **arguments}}
    method = [{"type": "action", "name": "strike", "provider": provider, "pauses": {"after": pause}}]
    ours = {"name": "chaos-run", "service": "shop", "windows": {"baseline": "1s", "stable": "1s", "recovery": "10s"}}
    document = {"title": "struck by Chaos Mesh", "description": "made by a test", "method": method, "rollbacks": []}
    path = folder / "strike.json"
    path.write_text(json.dumps({**document, "extensions": [ours]}))
    return path


def test_kill_9_between_the_making_and_its_acknowledgement_leaves_nothing(
    mesh: ChaosMesh, chaos_run: ChaosRun, tmp_path: Path
) -> None:
    mesh.way = "deaf"  # the action waits: nobody has told it anything
    with chaos_run.running(experiment(tmp_path, kind="NetworkChaos", spec=DELAY, within="60s")) as run:
        name = run.wait_for("run_started")["run"]
        until(lambda: mesh.mine(), "the object is made")
        processes: Mapping[str, Mapping[str, Any]] = chaos_run.processes(name)
        for victim in ("parent", "worker"):
            os.kill(processes[victim]["pid"], signal.SIGKILL)
        until(lambda: not mesh.mine(), "the undoer deletes it")
    assert chaos_run("recover").code == 0


def test_a_stress_is_proven_by_what_the_pods_use_and_put_back(
    mesh: ChaosMesh, chaos_run: ChaosRun, tmp_path: Path
) -> None:
    spec = {"mode": "one", "selector": SHOP, "stressors": {"cpu": {"workers": 1, "load": 90}}}
    outcome = chaos_run("run", experiment(tmp_path, 2, kind="StressChaos", spec=spec), "--json")
    (effective,) = outcome.named("effective")
    assert "shop/shop-0 uses 0.45 cores, before 0.01 cores" in effective["how"]
    assert outcome.verdict["targets"] == ["pod/shop/shop-0"]
    assert outcome.named("undone")[0]["clean"] is True
    assert mesh.mine() == []
