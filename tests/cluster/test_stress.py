"""On a real cluster: stress-ng takes the CPU of a pod and ends; a container whose memory grows is killed and started again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from runner import errors
from runner.faults import conformance, identity
from runner.faults.conformance import Trial
from runner.faults.driver import Setting
from runner.faults.kubernetes import actions, known_actions, stress
from runner.faults.kubernetes.client import Cluster
from runner.faults.kubernetes.driver import Driver
from tests.cluster import stress_image
from tests.cluster.kube import Kube, until
from tests.cluster.test_driver import OURS, _client, act, as_run, own, setting
from tests.faults.systems import catalogue

__all__ = ["_client", "as_run", "setting"]

IMAGE = os.environ.get("STRESS_IMAGE", "")
"""With stress-ng and a shell; else our own, where that can be. Read here: the shelter of every test takes it out of the environment."""
SPACE = "stressed"
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def leaky(kube: Kube) -> Iterator[Kube]:
    """A deployment whose containers have limits, in a namespace of its own."""
    labels = {"app": "leaky"}
    limits = {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}}
    image = "registry.k8s.io/e2e-test-images/agnhost:2.53"
    pod = {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "c", "image": image, "args": ["netexec"], "resources": limits}],
    }
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    meta = {"name": "leaky", "namespace": SPACE}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
    kube.run("create", "namespace", SPACE)
    kube.run("apply", "-f", "-", stdin=json.dumps(deployment))
    kube.run("rollout", "status", "deployment/leaky", "-n", SPACE, "--timeout=50s")
    yield kube
    kube.run("delete", "namespace", SPACE, "--wait=false")


def _pods(kube: Kube) -> list[str]:
    return sorted(p["metadata"]["name"] for p in kube.get("pods", "-n", SPACE, "-l", "app=leaky"))


@catalogue
@pytest.mark.skipif(
    not IMAGE and not stress_image.COMMAND.exists(), reason="no image with stress-ng here (STRESS_IMAGE)"
)
@pytest.mark.usefixtures("as_run")
def test_cpu(leaky: Kube, setting: Setting) -> None:
    image = IMAGE or stress_image.put_on_nodes()
    take = own("stress_cpu", label_selector="app=leaky", ns=SPACE, qty=1, duration="15s", image=image)
    _, theirs = _pods(leaky)
    mark = ["annotate", "pod", theirs, "-n", SPACE, "by=somebody-else", "--overwrite"]
    trial = Trial(
        setting=setting,
        activity=take,
        act=lambda: act(take),
        nothing=own("stress_cpu", label_selector="app=no-such", ns=SPACE),
        others=lambda: leaky.run(*mark),
        untouched=lambda: theirs in _pods(leaky),
        remove_target=lambda: leaky.run("delete", "pod", _pods(leaky)[0], "-n", SPACE),
    )
    assert conformance.check(Driver(), trial) == []


@pytest.mark.usefixtures("as_run")
def test_a_container_that_cannot_start_is_alone_and_not_undone_before_it_would_end_at_once(leaky: Kube) -> None:
    cluster = Cluster()
    arguments = {"label_selector": "app=leaky", "ns": SPACE, "duration": "10s", "image": "127.0.0.1:9/none:1"}
    began = time.time()
    (undo, other) = known_actions.ACTIONS[f"{OURS}.stress_cpu"](cluster, "it", arguments).undo
    with pytest.raises(errors.EnvironmentFailure, match=r"stress-ng does not run in pod/stressed/leaky.*(Err|Back)"):
        actions.stress_cpu(**arguments)
    stuck, untouched = sorted((undo, other), key=lambda step: not _ephemeral(leaky, step.args["name"]))
    assert not _ephemeral(leaky, untouched.args["name"]), "an image that is not to be had is asked for once"
    if time.time() < began + 8:  # a slow machine has nothing to see here any more
        with pytest.raises(errors.EnvironmentFailure, match=r"has not started in .*, and may still do so until"):
            stress.undone(cluster, stuck.args, identity.run_id())
        assert "may still do so" in next(iter(stress.left(cluster, [stuck.args], identity.run_id()).values()))
    until(lambda: time.time() > began + 18, 60, "the end of its time")
    assert not stress.undone(cluster, stuck.args, identity.run_id())
    assert stress.left(cluster, [stuck.args], identity.run_id()) == {}


def _ephemeral(kube: Kube, pod: str) -> list[Any]:
    return next(p["spec"].get("ephemeralContainers") or [] for p in _all(kube) if p["metadata"]["name"] == pod)


@catalogue
@pytest.mark.usefixtures("as_run")
def test_a_container_whose_memory_grows_is_killed_restarted_and_named_by_the_nodes_account(leaky: Kube) -> None:
    cluster, arguments = Cluster(), {"label_selector": "app=leaky", "ns": SPACE, "duration": "40s"}
    found = known_actions.ACTIONS[f"{OURS}.fill_memory"](cluster, "it", arguments)
    (target,) = found.targets
    confirm = known_actions.CONFIRM[found.kind]
    assert confirm is not None
    assert not confirm(cluster, found.before).confirmed
    assert [f"pod/{SPACE}/{name}" for name in actions.fill_memory(**arguments)] == [target]
    evidence = confirm(cluster, found.before)
    assert evidence.confirmed
    assert "was killed for want of memory (OOMKilled, exit code 137)" in evidence.sentence
    until(lambda: all(_ready(leaky)), 30, "the container to be ready again")
    restarts = {p["metadata"]["name"]: p["status"]["containerStatuses"][0]["restartCount"] for p in _all(leaky)}
    assert restarts == {name: int(target.endswith(name)) for name in restarts}, "nobody else was killed"
    assert actions.end_stress("app=leaky", SPACE) == [], "it ended with the container"


@catalogue
@pytest.mark.usefixtures("as_run")
def test_growth_that_is_ended_in_time_kills_nobody_and_gives_back_the_rank(leaky: Kube) -> None:
    rank = ["exec", _pods(leaky)[0], "-n", SPACE, "--", "cat", "/proc/1/oom_score_adj"]
    before = leaky.run(*rank)
    with pytest.raises(errors.EnvironmentFailure, match="was killed for want of memory in 2s"):
        actions.fill_memory(label_selector="app=leaky", ns=SPACE, duration="2s", mib_per_second=2)
    actions.end_stress("app=leaky", SPACE)
    assert leaky.run(*rank) == before


def _all(kube: Kube) -> list[dict[str, Any]]:
    return kube.get("pods", "-n", SPACE, "-l", "app=leaky")


def _ready(kube: Kube) -> list[bool]:
    return [p["status"]["containerStatuses"][0]["ready"] for p in _all(kube)]
