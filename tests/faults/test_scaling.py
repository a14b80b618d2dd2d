"""Scaled out means more running pods than before, whatever tool keeps them busy; what did not scale says why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chaoslib.activity import run_activity
from chaoslib.exceptions import ActivityFailed

from runner.chaostoolkit import providers
from runner.experiment import load
from tests.fakes.kube_api import KubeApi, Object, serving

FILES = sorted((Path(__file__).resolve().parents[2] / "experiments").glob("cpu-stress*.yaml"))
NO_ROOM = "0/3 nodes are available: 3 Insufficient cpu."
CANNOT_READ = "the HPA was unable to compute the replica count: failed to get cpu utilization"
AT_MOST = "the desired replica count is more than the maximum replica count"
CALM = "recommended size matches current size"


@dataclass
class Shop:
    """The pods and the autoscaler of a namespace, behind an API."""

    api: KubeApi

    def pods(self, running: int, pending: int = 0, leaving: int = 0) -> None:
        """So many, in the place of those before."""
        for path in [p for p in self.api.objects if "/pods/" in p]:
            del self.api.objects[path]
        for number in range(running + leaving):
            gone = {"deletionTimestamp": "2026-11-27T19:03:05Z"} if number >= running else {}
            self._pod(f"run-{number}", {"phase": "Running"}, **gone)
        unmet = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": NO_ROOM}
        for number in range(pending):
            self._pod(f"wait-{number}", {"phase": "Pending", "conditions": [unmet]})

    def _pod(self, name: str, status: Object, **meta: Any) -> None:
        found = {"metadata": {"name": name, "namespace": "shop", "labels": {"app": "shop"}, **meta}, "status": status}
        self.api.put(f"/api/v1/namespaces/shop/pods/{name}", found)

    def autoscaler(self, wants: int, **conditions: tuple[str, str]) -> None:
        listed = [{"type": kind, "status": status, "message": said} for kind, (status, said) in conditions.items()]
        found = {"metadata": {"name": "shop"}, "status": {"desiredReplicas": wants, "conditions": listed}}
        self.api.put("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/shop", found)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Found by the kubeconfig, as a run finds it: three pods, and an autoscaler that wants three."""
    for name in ("SHOP_NAMESPACE", "SHOP_HPA", "CPU_PERCENT"):
        monkeypatch.delenv(name, raising=False)
    found = Shop(KubeApi())
    found.pods(3)
    found.autoscaler(3)
    with serving(found.api) as url:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {}}],
        }
        path = tmp_path / "config"
        path.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
        yield found


@dataclass
class Run:
    """What a run of one file does of its own accord: count when it starts, and look while it waits."""

    path: Path

    def __post_init__(self) -> None:
        found = load.load(str(self.path))
        (wait,) = found.block.wait_for
        self._probe = next(a for a in found.document["method"] if a["name"] == wait.probe)
        self._values = dict(found.configuration)
        counted = found.document["configuration"]["pods_before"]
        self._values["pods_before"] = run_activity(counted, self._values, {})

    def look(self) -> tuple[bool, str]:
        """Whether it scaled, and what the verdict says of it."""
        said = run_activity(self._probe, self._values, {})
        return providers.within_tolerance(self._probe["tolerance"], said, self._values, {}), said


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_more_running_pods_than_before_is_scaled_out(path: Path, shop: Shop) -> None:
    run = Run(path)
    assert not run.look()[0]
    shop.pods(5, pending=1)
    assert run.look() == (True, "scaled: 5 pods run, 3 before")


def test_a_service_that_was_large_before_has_not_scaled_for_that(path: Path, shop: Shop) -> None:
    shop.pods(6)
    shop.autoscaler(
        6, AbleToScale=("True", CALM), ScalingActive=("True", "it could compute"), ScalingLimited=("True", AT_MOST)
    )
    run = Run(path)
    assert run.look() == (False, f"not scaled: 6 pods run, 6 before; the HPA shop wants 6; {AT_MOST}")
    shop.pods(7)
    assert run.look()[0]


def test_an_autoscaler_that_asks_for_no_more_is_the_finding(path: Path, shop: Shop) -> None:
    run = Run(path)
    shop.autoscaler(3, AbleToScale=("True", CALM), ScalingActive=("False", CANNOT_READ))
    assert run.look() == (False, f"not scaled: 3 pods run, 3 before; the HPA shop wants 3; {CANNOT_READ}")


def test_pods_that_find_no_room_are_the_finding_and_those_that_leave_do_not_run(path: Path, shop: Shop) -> None:
    run = Run(path)
    shop.autoscaler(6)
    shop.pods(3, pending=3, leaving=1)
    assert run.look() == (False, f"not scaled: 3 pods run, 3 before; the HPA shop wants 6; 3 Pending: {NO_ROOM}")


def test_where_nothing_would_scale_no_run_begins(path: Path, shop: Shop) -> None:
    shop.autoscaler(0)
    with pytest.raises(ActivityFailed, match="HorizontalPodAutoscaler shop/shop would scale nothing"):
        Run(path)
    shop.autoscaler(3)
    shop.pods(0, pending=3)
    with pytest.raises(ActivityFailed, match="no running pod in shop matches 'app=shop'"):
        Run(path)
