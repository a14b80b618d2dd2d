"""The ready checks of a cluster guard a run there: the run's own kubeconfig lets them in, and what they see stops it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster.kube import Kube
from tests.cluster.program import ChaosRun


@pytest.mark.slow("a run on a cluster, with its way back")
def test_a_service_without_endpoints_stops_the_run(kube: Kube, chaos_run: ChaosRun, tmp_path: Path) -> None:
    arguments = {"name": "shop", "ns": kube.namespace, "replicas": 0}
    provider = {
        "type": "python",
        "module": "chaosk8s.deployment.actions",
        "func": "scale_deployment",
        "arguments": arguments,
    }
    of_shop = {"namespace": kube.namespace, "service": "shop"}
    block = {
        "name": "chaos-run",
        "windows": {"baseline": "2s", "recovery": "30s", "stable": "1s"},
        "checks": [
            {
                "check": "services_without_endpoints",
                "name": "endpoints",
                "every": "1s",
                "arguments": of_shop,
            },
            {"check": "nodes_not_ready", "every": "1s"},
        ],
        "abort": [{"check": {"indicator": "endpoints", "for": "1s"}}, {"check": {"indicator": "nodes_not_ready"}}],
    }
    action = {"type": "action", "name": "scale to none", "provider": provider, "pauses": {"after": 90}}
    file = tmp_path / "x.json"
    file.write_text(
        json.dumps({"title": "t", "description": "d", "method": [action], "rollbacks": [], "extensions": [block]})
    )
    done = chaos_run("run", file, "--json")
    assert done.code == 5, done.stderr + done.stdout[-2000:]
    assert "endpoints: bad for 1s: services without a ready endpoint: 1" in done.verdict["sentence"]
