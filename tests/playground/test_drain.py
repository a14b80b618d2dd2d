"""A drain says before and after what a budget, an observer or a bare pod means for it, comes to an end, and evicts nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from kubernetes.config import kube_config

from runner import errors
from runner.faults import identity
from runner.faults.driver import FaultTarget
from runner.faults.kubernetes import actions, cordon, drain_facts, eviction, known_actions, node_pods
from runner.faults.kubernetes.client import Cluster
from runner.playground.start import Playground
from tests.playground.kubectl import Kubectl
from tests.waiting import until

IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"
NODE = "worker2"
ALL = {"delete_emptydir_data": True, "force": True}


@pytest.fixture
def cluster(playground: Playground, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("KUBECONFIG", str(playground.kubeconfig))
    # The client has read the variable when it was imported, perhaps by an earlier test.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(playground.kubeconfig))
    return Cluster()


@pytest.fixture(scope="module")
def namespace(playground: Playground) -> Iterator[Kubectl]:
    """Of these tests, with two pods that are always on one node, cordoned or not."""
    shop = Kubectl(playground.kubeconfig, "shop")
    shop("create", "namespace", "drained")
    mine = Kubectl(playground.kubeconfig, "drained")
    mine("apply", "-f", "-", stdin=json.dumps(_pinned("web", 2)))
    yield mine
    shop("delete", "namespace", "drained", "--wait=true")
    shop.settled(3)


@pytest.fixture
def web(cluster: Cluster, namespace: Kubectl) -> Iterator[Kubectl]:
    """Its two pods ready, no other pods, no budgets and no cordons."""
    until(lambda: len(_ready(namespace)) == 2, "both pods are ready")
    yield namespace
    namespace("delete", "poddisruptionbudget", "--all")
    namespace("delete", "pod", "--selector=app!=web", "--grace-period=0", "--force")
    actions.uncordon_nodes()
    namespace("uncordon", "worker1", "worker2", "worker3")


def _pinned(name: str, replicas: int) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "c", "image": IMAGE, "args": ["pause"]}
    pod = {"nodeName": NODE, "terminationGracePeriodSeconds": 1, "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }  # fmt: skip


def _bare(name: str, labels: dict[str, str] | None = None, **spec: Any) -> str:
    container = {"name": "c", "image": IMAGE, "args": ["pause"]}
    meta = {"name": name, "labels": labels or {}}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": meta,
            "spec": {"nodeName": NODE, "containers": [container]} | spec,
        }
    )


def _ready(mine: Kubectl) -> dict[str, str]:
    pods = mine.items("pods")
    up = [
        p
        for p in pods
        if any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions", ()))
    ]
    return {p["metadata"]["uid"]: p["metadata"]["name"] for p in up if "deletionTimestamp" not in p["metadata"]}


def _plan(cluster: Cluster, function: str = "drain_nodes", **arguments: Any) -> FaultTarget:
    return known_actions.ACTIONS[f"{actions.__name__}.{function}"](cluster, "it", arguments)


def _budget(mine: Kubectl, name: str, least: int) -> None:
    mine("create", "poddisruptionbudget", name, "--selector=app=web", f"--min-available={least}")
    until(lambda: bool(mine.items("poddisruptionbudgets")[-1]["status"].get("currentHealthy")), "the budget counts")


def test_a_budget_that_lets_nobody_go_is_told_before_and_named_after_a_finite_time(
    cluster: Cluster, web: Kubectl
) -> None:
    _budget(web, "strict", 2)
    told = _plan(cluster, name=NODE, **ALL).note
    assert "the disruption budget drained/strict lets no pod go now: pod/drained/web-" in told
    before = _ready(web)
    with pytest.raises(errors.EnvironmentFailure) as raised:
        actions.drain_nodes(name=NODE, timeout="1s", **ALL)
    assert f"left {NODE} within 1s" in str(raised.value)
    assert str(raised.value).count("The disruption budget strict needs 2 healthy pods") == 2
    assert before.keys() == _ready(web).keys()
    assert actions.uncordon_nodes() == [NODE], "what this process has cordoned"


def test_a_pod_that_may_not_go_yet_is_asked_again_until_it_may(cluster: Cluster, web: Kubectl) -> None:
    _budget(web, "strict", 2)
    before = _ready(web)
    asked: list[Any] = []
    draining = threading.Thread(target=lambda: asked.append(actions.drain_nodes(name=NODE, timeout="20s", **ALL)))
    draining.start()
    until(lambda: bool(cordon.run_of(cluster, NODE)), "the node is cordoned")
    web("delete", "poddisruptionbudget", "strict")
    draining.join()
    assert {f"pod/drained/{name}" for name in before.values()} <= set(asked[0]["gone"])
    assert before.keys().isdisjoint(_ready(web))


def test_two_budgets_on_one_pod_are_told_and_not_waited_for(cluster: Cluster, web: Kubectl) -> None:
    _budget(web, "first", 1)
    _budget(web, "second", 1)
    assert "the budgets first and second both speak of it" in _plan(cluster, name=NODE, **ALL).note
    with pytest.raises(errors.EnvironmentFailure, match="more than one PodDisruptionBudget"):
        actions.drain_nodes(name=NODE, timeout="10m", **ALL)


@pytest.mark.parametrize(
    ("pod", "said", "option"),
    [
        (_bare("alone"), "pod/drained/alone has no controller that would make it anew", {"force": True}),
        (
            _bare("data", volumes=[{"name": "v", "emptyDir": {}}]),
            "pod/drained/data keeps data in an emptyDir",
            {"delete_emptydir_data": True, "force": True},
        ),
    ],
    ids=["without a controller", "with local data"],
)
def test_what_the_file_does_not_allow_stops_the_drain_before_anything_is_changed(
    cluster: Cluster, web: Kubectl, pod: str, said: str, option: dict[str, bool]
) -> None:
    web("apply", "-f", "-", stdin=pod)
    before = _ready(web)
    for function in (lambda: _plan(cluster, name=NODE), lambda: actions.drain_nodes(name=NODE)):
        with pytest.raises(errors.EnvironmentFailure, match=said):
            function()
    assert not cordon.run_of(cluster, NODE)
    assert before.keys() <= _ready(web).keys()
    assert _plan(cluster, name=NODE, **option).targets == (f"node/{NODE}",)


def test_whoever_watches_the_run_is_never_evicted(cluster: Cluster, web: Kubectl) -> None:
    web("apply", "-f", "-", stdin=_bare("prometheus-0", {"app.kubernetes.io/name": "prometheus"}))
    web("apply", "-f", "-", stdin=_bare("teams-own", {node_pods.OBSERVER: "true"}))
    assert "left where they are: pod/drained/prometheus-0 (it watches the run" in _plan(cluster, name=NODE, **ALL).note
    did = actions.fail_zone("zone-b", timeout="20s", **ALL)
    assert {"pod/drained/prometheus-0", "pod/drained/teams-own"}.isdisjoint(did["gone"])
    assert {"prometheus-0", "teams-own"} <= set(web.names("pods"))


def test_the_runners_own_pod_is_known_by_its_service_account_and_host_name(tmp_path: Path) -> None:
    (tmp_path / "namespace").write_text("chaos\n")
    assert list(node_pods.ourselves({"HOSTNAME": "chaos-run-x"}, tmp_path)) == [("chaos", "chaos-run-x")]
    assert list(node_pods.ourselves({"HOSTNAME": "laptop"}, tmp_path / "none")) == []


def test_a_zone_that_fails_asks_no_budget_and_says_so(cluster: Cluster, web: Kubectl) -> None:
    _budget(web, "strict", 2)
    before = _ready(web)
    assert "disruption budgets are not asked" in _plan(cluster, "fail_zone", zone="zone-b", **ALL).note
    did = actions.fail_zone("zone-b", timeout="20s", **ALL)
    assert did["cordoned"] == [NODE]
    assert before.keys().isdisjoint(_ready(web))


def test_the_only_zone_that_takes_pods_is_not_cut_off(cluster: Cluster, web: Kubectl) -> None:
    web("cordon", "worker1", "worker3")
    before = _ready(web)
    for function in (
        lambda: _plan(cluster, "fail_zone", zone="zone-b", **ALL),
        lambda: actions.fail_zone("zone-b", **ALL),
    ):
        with pytest.raises(errors.EnvironmentFailure, match="no node outside of this zone takes pods"):
            function()
    assert before.keys() == _ready(web).keys()
    assert "no other node takes pods" in _plan(cluster, name=NODE, **ALL).note


def test_a_cordon_of_somebody_else_stays_theirs(cluster: Cluster, web: Kubectl) -> None:
    web("cordon", NODE)
    found = _plan(cluster, name=NODE, **ALL)
    assert (found.targets, found.undo) == ((f"node/{NODE}",), ())
    assert actions.drain_nodes(name=NODE, timeout="20s", **ALL)["cordoned"] == []
    assert actions.uncordon_nodes() == []
    assert not cordon.free(cluster, NODE, identity.run_id())
    (node,) = [n for n in web.items("nodes") if n["metadata"]["name"] == NODE]
    assert node["spec"]["unschedulable"] is True


@pytest.mark.parametrize("timeout", [0, "0s", -1, "2h", "soon"])
def test_a_drain_without_an_end_is_refused(cluster: Cluster, timeout: float | str) -> None:
    with pytest.raises(errors.EnvironmentFailure, match="timeout: "):
        actions.drain_nodes(name=NODE, timeout=timeout, **ALL)
    assert not cordon.run_of(cluster, NODE)


def test_a_drain_that_names_no_node_drains_none(cluster: Cluster) -> None:
    assert _plan(cluster).targets == ()
    with pytest.raises(errors.EnvironmentFailure, match="which nodes"):
        actions.drain_nodes()
    with pytest.raises(errors.EnvironmentFailure, match="nothing was drained"):
        actions.drain_nodes(name="typo")
    with pytest.raises(errors.EnvironmentFailure, match="nothing was cut off"):
        actions.fail_zone("typo")


@pytest.mark.parametrize(
    ("status", "body", "final"),
    [
        (429, {"causes": [{"reason": "DisruptionBudget"}]}, False),
        (409, {}, False),
        (500, {}, False),
        (500, {"message": f"This pod has {eviction.SEVERAL}, which is not supported."}, True),
        (403, {}, True),
        (403, {"causes": [{"reason": "NamespaceTerminating"}]}, False),
        (422, {}, True),
    ],
)
def test_what_will_never_be_let_go_is_not_asked_again(status: int, body: dict[str, Any], final: bool) -> None:
    problem = ApiException(status=status)
    problem.body = json.dumps({"details": body, **body})
    assert eviction.is_final(problem) is final


@pytest.mark.parametrize(
    ("selector", "taken"),
    [
        ({}, True),
        (None, False),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "api"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_a_selector_takes_whom_the_api_takes(selector: dict[str, Any] | None, taken: bool) -> None:
    assert drain_facts.selects(selector, {"metadata": {"labels": {"app": "web"}}}) is taken
