"""Each stock action names whom it will hit before it does, is proven by what changed, and has no target where there is none."""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from kubernetes.config import kube_config

from runner.faults.driver import Evidence, FaultTarget
from runner.faults.kubernetes import known_actions
from runner.faults.kubernetes.client import Cluster
from runner.playground.start import Playground
from runner.undo.inspection import World
from tests.playground.kubectl import Kubectl
from tests.playground.test_chaosk8s import until
from tests.rundir.starts import start

Json = dict[str, Any]


@pytest.fixture
def cluster(playground: Playground, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("KUBECONFIG", str(playground.kubeconfig))
    # The client has read the variable when it was imported, perhaps by an earlier test.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(playground.kubeconfig))
    return Cluster()


@pytest.fixture
def space(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own, with one of everything in it."""
    kubectl("create", "namespace", "aims")
    kubectl("create", "deployment", "web", "--image=agnhost", "-n", "aims")
    kubectl("create", "service", "clusterip", "web", "--tcp=80", "-n", "aims")
    kubectl("create", "secret", "generic", "web", "--from-literal=a=b", "-n", "aims")
    own = Kubectl(kubectl.kubeconfig, "aims")
    until(lambda: len(own.names("pods")) == 1, "the pods are as they should be")
    yield "aims"
    kubectl("delete", "namespace", "aims", "--ignore-not-found", "--wait=true")


def resolve(cluster: Cluster, action: str, **arguments: Any) -> FaultTarget:
    return known_actions.ACTIONS[action](cluster, "it", arguments)


def confirm(cluster: Cluster, found: FaultTarget) -> Evidence:
    confirmed = known_actions.CONFIRM[found.kind]
    assert confirmed is not None
    return confirmed(cluster, json.loads(json.dumps(found.before)))  # as it comes back from the parent


def act(action: str, **arguments: Any) -> Any:
    module, _, name = action.rpartition(".")
    return getattr(importlib.import_module(module), name)(**arguments)


def written(folder: Path, kind: str, version: str, name: str, **more: Any) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"apiVersion": version, "kind": kind, "metadata": {"name": name}, **more}))
    return str(path)


def workload(kind: str) -> Callable[[Path], Json]:
    labels = {"app": "made"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "agnhost"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": pod, "serviceName": "made"}
    return lambda folder: {"spec_path": written(folder, kind, "apps/v1", "made", spec=spec)}


CHANGES = {
    "chaosk8s.deployment.actions.delete_deployment": ({"name": "web"}, ["deployment/aims/web"]),
    "chaosk8s.service.actions.delete_service": ({"name": "web"}, ["service/aims/web"]),
    "chaosk8s.actions.remove_service_endpoint": ({"name": "web"}, ["service/aims/web"]),
    "chaosk8s.secret.actions.delete_secret": ({"name": "web"}, ["secret/aims/web"]),
    "chaosk8s.actions.scale_microservice": ({"name": "web", "replicas": 2}, ["deployment/aims/web"]),
    "chaosk8s.deployment.actions.rollout_deployment": ({"name": "web"}, ["deployment/aims/web"]),
}


@pytest.mark.parametrize("action", CHANGES)
def test_what_is_there_is_named_and_its_change_seen(cluster: Cluster, space: str, action: str) -> None:
    arguments, targets = CHANGES[action]
    found = resolve(cluster, action, ns=space, **arguments)
    assert list(found.targets) == targets
    assert found.scopes == (space,)
    assert not confirm(cluster, found).confirmed, "nothing was done yet"
    act(action, ns=space, **arguments)
    evidence = confirm(cluster, found)
    assert evidence.confirmed
    assert list(evidence.targets) == targets


MAKES: dict[str, Callable[[Path], Json]] = {
    "chaosk8s.deployment.actions.create_deployment": workload("Deployment"),
    "chaosk8s.actions.start_microservice": workload("Deployment"),
    "chaosk8s.daemonset.actions.create_daemon_set": workload("DaemonSet"),
    "chaosk8s.statefulset.actions.create_statefulset": workload("StatefulSet"),
    "chaosk8s.secret.actions.create_secret": lambda f: {"spec_path": written(f, "Secret", "v1", "made")},
    "chaosk8s.service.actions.create_service_endpoint": lambda f: {
        "spec_path": written(f, "Service", "v1", "made", spec={"ports": [{"port": 80}]})
    },
}


@pytest.mark.parametrize("action", MAKES)
def test_what_is_made_is_named_and_what_was_there_before_is_no_proof(
    cluster: Cluster, space: str, tmp_path: Path, action: str
) -> None:
    arguments = MAKES[action](tmp_path)
    found = resolve(cluster, action, ns=space, **arguments)
    assert [t.split("/")[1:] for t in found.targets] == [["aims", "made"]]
    assert not confirm(cluster, found).confirmed
    act(action, ns=space, **arguments)
    assert confirm(cluster, found).confirmed
    assert not confirm(cluster, resolve(cluster, action, ns=space, **arguments)).confirmed, "it is there already"


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_other_workloads_are_taken_away_too(cluster: Cluster, space: str, tmp_path: Path, kind: str) -> None:
    names = {"DaemonSet": ("daemonset", "create_daemon_set", "delete_daemon_set"),
             "StatefulSet": ("statefulset", "create_statefulset", "remove_statefulset")}[kind]  # fmt: skip
    act(f"chaosk8s.{names[0]}.actions.{names[1]}", ns=space, **workload(kind)(tmp_path))
    action = f"chaosk8s.{names[0]}.actions.{names[2]}"
    found = resolve(cluster, action, ns=space)
    assert len(found.targets) == 1, "without a name all of the namespace"
    act(action, ns=space, name="made")
    assert confirm(cluster, found).confirmed


def test_a_daemon_set_is_changed(cluster: Cluster, space: str, tmp_path: Path) -> None:
    act("chaosk8s.daemonset.actions.create_daemon_set", ns=space, **workload("DaemonSet")(tmp_path))
    arguments = {"name": "made", "spec": {"metadata": {"labels": {"a": "b"}}}}
    found = resolve(cluster, "chaosk8s.daemonset.actions.update_daemon_set", ns=space, **arguments)
    assert found.targets == ("daemon_set/aims/made",)
    assert not confirm(cluster, found).confirmed, "what its controller reports meanwhile is no change"
    act("chaosk8s.daemonset.actions.update_daemon_set", ns=space, **arguments)
    assert confirm(cluster, found).confirmed


def test_a_namespace_comes_and_goes(cluster: Cluster, space: str) -> None:
    made = resolve(cluster, "chaosk8s.namespace.actions.create_namespace", name="aims-too")
    act("chaosk8s.namespace.actions.create_namespace", name="aims-too")
    assert made.targets == ("namespace/aims-too",)
    assert confirm(cluster, made).confirmed
    gone = resolve(cluster, "chaosk8s.namespace.actions.delete_namespace", name="aims-too")
    act("chaosk8s.namespace.actions.delete_namespace", name="aims-too")
    assert gone.targets == ("namespace/aims-too",)
    assert confirm(cluster, gone).confirmed


def test_a_network_policy_is_aimed_at_the_pods_that_it_selects(cluster: Cluster, space: str) -> None:
    deny, allow = (f"chaosk8s.networking.actions.{n}" for n in ("deny_all_ingress", "remove_deny_all_ingress"))
    found = resolve(cluster, deny, ns=space, label_selectors={"app": "web"})
    assert [t.rpartition("-")[0].rpartition("-")[0] for t in found.targets] == ["pod/aims/web"]
    assert resolve(cluster, deny, ns=space, label_selectors={"app": "typo"}).targets == ()
    assert resolve(cluster, allow, ns=space).targets == (), "there is none yet"
    act(deny, ns=space, label_selectors={"app": "web"})
    assert confirm(cluster, found).confirmed
    removed = resolve(cluster, allow, ns=space)
    assert removed.targets == ("networkpolicy/aims/chaostoolkit-deny-all-ingress",)
    act(allow, ns=space)
    assert confirm(cluster, removed).confirmed


def test_a_microservice_is_killed_by_its_name_and_one_that_is_not_there_has_no_target(
    cluster: Cluster, space: str
) -> None:
    kill = "chaosk8s.actions.kill_microservice"
    found = resolve(cluster, kill, ns=space, name="web", label_selector="app=web")
    assert [t.split("/")[0] for t in found.targets] == ["deployment", "pod"]
    assert resolve(cluster, kill, ns=space, name="wbe", label_selector="app=web").targets == ()
    with contextlib.suppress(ApiException):  # of a pod that its deployment has taken along before the action came to it
        act(kill, ns=space, name="web", label_selector="app=web")
    assert confirm(cluster, found).confirmed


def test_delete_pods_takes_its_name_for_a_pattern(cluster: Cluster, space: str) -> None:
    assert len(resolve(cluster, "chaosk8s.pod.actions.delete_pods", ns=space, name="web").targets) == 1
    assert resolve(cluster, "chaosk8s.pod.actions.delete_pods", ns=space, name="wbe").targets == ()


def test_a_command_is_aimed_at_pods_with_that_container_alone(cluster: Cluster, space: str) -> None:
    run = "chaosk8s.pod.actions.exec_in_pods"
    assert len(resolve(cluster, run, ns=space, cmd="ls", container_name="agnhost").targets) == 1
    assert resolve(cluster, run, ns=space, cmd="ls", container_name="sidecar").targets == ()
    assert resolve(cluster, run, ns=space, cmd="ls").targets == (), "without a name it passes over every pod"


def test_a_pod_that_nobody_makes_anew_is_undone_by_nobody(cluster: Cluster, space: str, kubectl: Kubectl) -> None:
    kill = "chaosk8s.pod.actions.terminate_pods"
    assert resolve(cluster, kill, ns=space, label_selector="app=web").owner == "system"
    kubectl("run", "alone", "--image=agnhost", "-n", space)
    assert resolve(cluster, kill, ns=space, label_selector="run=alone").owner == "nobody"


def test_draining_an_empty_node_has_no_target_and_its_cordon_is_undone_all_the_same(
    cluster: Cluster, kubectl: Kubectl
) -> None:
    drain = "chaosk8s.node.actions.drain_nodes"
    node = kubectl.items("pods")[0]["spec"]["nodeName"]
    assert resolve(cluster, drain, name=node).targets == (f"node/{node}",)
    try:
        kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data")
        empty = resolve(cluster, drain, name=node)
        assert (empty.targets, empty.undo) == ((), ())
        assert "no pod that would be evicted" in empty.note
        freed = resolve(cluster, "chaosk8s.node.actions.uncordon_node", name=node)
        assert freed.targets == (f"node/{node}",)
        act("chaosk8s.node.actions.uncordon_node", name=node)
        assert confirm(cluster, freed).confirmed
        _told_to_be_freed(cluster, node)
    finally:
        kubectl("uncordon", node)
        kubectl.settled()


def _told_to_be_freed(cluster: Cluster, node: str) -> None:
    """A node that is empty and free: chaosk8s cordons it before it looks for pods, and pods may come to it before our own drain does."""
    ours = "runner.faults.kubernetes.actions"
    for module, noted in (("chaosk8s.node.actions", {}), (ours, {"noted": True})):
        empty = resolve(cluster, f"{module}.drain_nodes", name=node)
        assert (empty.targets, [step.args for step in empty.undo]) == ((), [{"node": node, **noted}])
        later = _world(module, "stop_something", "drain_nodes", name=node)[1]
        assert (later.resolved, later.owner, later.undo) == (False, "undoer", empty.undo)


def test_nodes_can_be_chosen_by_the_pods_that_they_carry(cluster: Cluster, kubectl: Kubectl, space: str) -> None:
    carrying = {f"node/{p['spec']['nodeName']}" for p in kubectl.items("pods", "-n", "aims")}
    arguments = {"pod_label_selector": "app=web", "pod_namespace": "aims"}
    assert set(resolve(cluster, "chaosk8s.node.actions.drain_nodes", **arguments).targets) == carrying
    assert len(resolve(cluster, "chaosk8s.node.actions.delete_nodes").targets) == 1, "it takes the first"


@pytest.mark.parametrize("action", sorted(set(known_actions.ACTIONS) - {"chaosk8s.pod.actions.terminate_pods"}))
def test_what_is_not_there_is_no_target_whatever_the_action(cluster: Cluster, action: str, tmp_path: Path) -> None:
    """Nothing of this name, file, group or namespace exists: no action may name a target that it would find."""
    nothing = {
        "name": "nothing",
        "ns": "nowhere",
        "label_selector": "app=nothing",
        "label_selectors": {"app": "nothing"},
    }
    arguments = nothing | {
        "spec_path": str(tmp_path / "none.yaml"),
        "group": "x.example",
        "version": "v1",
        "plural": "things",
    }
    arguments |= {"replicas": 0, "cmd": "ls", "container_name": "c", "resource": "?"}
    named_by_itself = ("allow_dns_access", "deny_all_egress", "deny_all_ingress")
    found = resolve(cluster, action, **arguments)
    if action.rpartition(".")[2] in named_by_itself:
        assert "by making" in found.note
    else:
        assert found.targets == (), found


def test_what_an_earlier_action_makes_is_no_missing_target(cluster: Cluster, space: str) -> None:
    module = "chaosk8s.networking.actions"
    assert [f.resolved for f in _world(module, "deny_all_ingress", "remove_deny_all_ingress", ns=space)] == [
        True,
        False,
    ]
    assert [f.resolved for f in _world(module, "remove_deny_all_ingress", ns=space)] == [True]


def test_an_action_that_chooses_is_aimed_at_the_pods_that_a_person_has_named(
    cluster: Cluster, space: str, kubectl: Kubectl
) -> None:
    kubectl("scale", "deployment", "web", "--replicas=3", "-n", space)
    own = Kubectl(kubectl.kubeconfig, space)
    until(lambda: len(own.names("pods")) == 3, "there are three")
    first, spared, last = sorted(own.names("pods"))
    pins = (f"pod/{space}/{first}", f"pod/{space}/{last}", "pod/elsewhere/x")
    module, given = "chaosk8s.pod.actions", {"ns": space, "label_selector": "app=web", "rand": True, "qty": 1}
    (free,) = _world(module, "terminate_pods", **given)
    assert (len(free.targets), free.arguments) == (3, None)
    (found,) = _world(module, "terminate_pods", pins=pins, **given)
    assert found.targets == pins[:2]
    assert found.arguments
    act(f"{module}.terminate_pods", **found.arguments, grace_period=0)
    until(lambda: confirm(cluster, found).confirmed, "they are gone")
    left = own.names("pods")
    assert spared in left
    assert not {first, last} & set(left)
    (missed,) = _world(module, "terminate_pods", pins=("pod/elsewhere/x",), **given)
    assert missed.arguments is None


def test_an_action_on_nodes_is_aimed_at_one_and_at_two_it_is_not(cluster: Cluster, kubectl: Kubectl) -> None:
    module, names = "chaosk8s.node.actions", sorted(kubectl.names("nodes"))
    (found,) = _world(module, "cordon_node", pins=(f"node/{names[1]}",), label_selector="kubernetes.io/os=linux")
    assert found.targets == (f"node/{names[1]}",)
    assert [step.args for step in found.undo] == [{"node": names[1]}]
    (two,) = _world(module, "cordon_node", pins=tuple(f"node/{n}" for n in names[:2]))
    assert (two.arguments, len(two.targets)) == (None, 3)


def _world(module: str, *functions: str, pins: tuple[str, ...] = (), **arguments: Any) -> tuple[FaultTarget, ...]:
    method = [
        {
            "type": "action",
            "name": f,
            "provider": {"type": "python", "module": module, "func": f, "arguments": arguments},
        }
        for f in functions
    ]
    document = {"title": "t", "method": method}
    return World(start(document=document, pins=pins)).inspect().actions
