"""The real controller of Chaos Mesh and its webhooks, beside an API server in which nothing runs: what it says is what the fake says.

Pods are written by hand, as if a kubelet ran them; there is no daemon, so that what needs one fails for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from kubernetes.config import kube_config

from runner.faults import conformance, identity
from runner.faults.chaos_mesh import wanted
from runner.faults.chaos_mesh.driver import Driver
from runner.faults.cluster_api import ClusterApi
from runner.faults.conformance import Trial
from runner.faults.driver import State
from runner.rundir.start_message import Kept
from tests.faults import systems
from tests.faults.test_chaos_mesh import DELAY, SHOP, TILL, act, failing, inject, lasting, record, resolved
from tests.faults.test_conformance import SETTING
from tests.waiting import until

pytestmark = [systems.catalogue, pytest.mark.timeout(400)]
SETTING_HERE = replace(SETTING, context="kind-chaos-run-api")
MESH = "/apis/chaos-mesh.org/v1alpha1/namespaces/shop"
KILL = {"action": "pod-kill", "mode": "one", "selector": SHOP, "gracePeriod": 0}


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with systems.alone("chaos-mesh", tmp_path_factory.mktemp("systems")) as found:
        yield found


@pytest.fixture
def api(kubeconfig: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterApi]:
    """Its cluster, with pods of a shop and of a till."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
    monkeypatch.setenv(identity.VARIABLE, SETTING.run)
    identity.run_id.cache_clear()
    found = ClusterApi({})
    if found.get("/api/v1/namespaces/shop") is None:
        found.create("/api/v1/namespaces", {"metadata": {"name": "shop"}})
        found.create("/api/v1/nodes", {"metadata": {"name": "worker1"}})
    for name in (*(f"shop-{n}" for n in range(6)), "till-0"):
        pod(found, name)
    yield found
    identity.run_id.cache_clear()


def pod(api: ClusterApi, name: str) -> None:
    """One that is there, ready, unless it is already."""
    path = "/api/v1/namespaces/shop/pods"
    if api.get(f"{path}/{name}") is not None:
        return
    labels, account = {"app": name.partition("-")[0]}, {"automountServiceAccountToken": False, "nodeName": "worker1"}
    account |= {"terminationGracePeriodSeconds": 0}  # no kubelet would end it
    containers = [{"name": "web", "image": "agnhost"}]
    api.create(path, {"metadata": {"name": name, "labels": labels}, "spec": {**account, "containers": containers}})
    state = {"name": "web", "containerID": f"containerd://{name}", "image": "agnhost", "imageID": "", "ready": True}
    status = {"phase": "Running", "podIP": "10.0.0.9", "containerStatuses": [{**state, "restartCount": 0}]}
    api.merge(f"{path}/{name}/status", {"status": status})


def test_a_pod_kill_passes_the_conformance_suite(api: ClusterApi) -> None:
    kill = inject(kind="PodChaos", spec=KILL)
    theirs = {"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "PodChaos", "metadata": {"name": "theirs"}}
    trial = Trial(
        setting=SETTING_HERE,
        activity=kill,
        act=lambda: act(kill),
        nothing=inject(kind="PodChaos", spec={**KILL, "selector": {**SHOP, "labelSelectors": {"app": "nobody"}}}),
        others=lambda: api.create(f"{MESH}/podchaos", {**theirs, "spec": {**KILL, "selector": TILL}}),
        untouched=lambda: api.get(f"{MESH}/podchaos/theirs") is not None,
        leftover=lambda: api.create(f"{MESH}/podchaos", leftover(kill)),
    )
    try:
        assert conformance.check(Driver(), trial) == []
    finally:
        api.delete(f"{MESH}/podchaos/theirs")


def leftover(activity: Any) -> dict[str, Any]:
    return wanted.read(SETTING.run, activity.arguments).body(SETTING.run)


def test_a_selector_that_finds_nobody_is_told_and_its_object_deleted(api: ClusterApi) -> None:
    said = failing(inject(kind="PodChaos", spec={**KILL, "selector": {**SHOP, "labelSelectors": {"app": "nobody"}}}))
    assert "its selector finds no pod; it was deleted again" in said
    assert api.items(f"{MESH}/podchaos") == []


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("NetworkChaos", {**DELAY, "delay": {"latency": "1m30s"}}, "spec.delay.latency"),
        ("NetworkChaos", {**DELAY, "action": "loss", "delay": None, "loss": {"loss": 5}}, "loss.loss of type string"),
        ("PodChaos", {"action": "pod-failure", "mode": "fixed-percent", "value": "200", "selector": SHOP}, "200"),
    ],
    ids=["latency", "loss", "percent"],
)
def test_what_its_api_refuses_is_told_in_its_words(
    kind: str, spec: dict[str, Any], words: str, api: ClusterApi
) -> None:
    assert words in failing(lasting(kind, {k: v for k, v in spec.items() if v is not None}))


def test_an_injection_that_fails_for_ever_is_stuck_until_its_pods_are_gone(api: ClusterApi) -> None:
    """The object does not go: no daemon can put anything back."""
    strike = lasting("NetworkChaos", DELAY, within=3)
    target = resolved(strike)
    said = failing(strike)
    assert "cannot put its pods back (shop/shop-" in said
    path = f"{MESH}/networkchaos/{record(target).args['name']}"
    found = api.get(path)
    assert found is not None
    assert "is stuck" in said
    system = Driver().open(SETTING_HERE)
    assert not system.confirm(strike, target).confirmed
    outcome = system.undo(record(target), hurried=True)
    assert outcome.state is State.FAILED
    assert "is stuck" in str(outcome.error)
    assert system.residue({}, [record(target)], Kept()).residue
    assert "keeps 1 rule(s)" in "; ".join(system.residue({}, [record(target)], Kept()).residue)
    for name in (f"shop-{n}" for n in range(6)):
        api.delete(f"/api/v1/namespaces/shop/pods/{name}")
    until(lambda: api.get(path) is None, "what we advise frees the object")
    assert system.undo(record(target)).state is State.ALREADY
    assert system.residue({}, [record(target)], Kept()).residue == ()
