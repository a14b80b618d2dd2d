"""The Kubernetes driver passes the conformance suite: cordon, scale and pod kill, beside the same change by somebody else."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from kubernetes.config import kube_config

from runner.faults import conformance
from runner.faults.conformance import Trial
from runner.faults.driver import Activity, Setting
from runner.faults.kubernetes.driver import Driver
from tests.cluster.kube import Kube
from tests.faults.test_conformance import SETTING


@pytest.fixture(autouse=True)
def _client(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", kube.kubeconfig)
    # The client has read the variable when it was imported, perhaps by an earlier test.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", kube.kubeconfig)


@pytest.fixture
def setting(kube: Kube) -> Setting:
    return replace(SETTING, context=kube.run("config", "current-context").strip())


def activity(module: str, function: str, **arguments: Any) -> Activity:
    provider = {"type": "python", "module": f"chaosk8s.{module}", "func": function, "arguments": arguments}
    return Activity(name=function, provider=provider, arguments=arguments)


def act(what: Activity) -> object:
    return getattr(importlib.import_module(what.provider["module"]), what.provider["func"])(**what.arguments)


@pytest.fixture
def nodes(kube: Kube) -> Iterator[tuple[str, str]]:
    """Two nodes that nobody has cordoned."""
    ours, theirs, *_ = [name for name, (cordoned, _) in kube.cordons().items() if not cordoned]
    yield ours, theirs
    kube.run("uncordon", ours, theirs)


def test_cordon(kube: Kube, setting: Setting, nodes: tuple[str, str]) -> None:
    ours, theirs = nodes
    cordon = activity("node.actions", "cordon_node", name=ours)
    trial = Trial(
        setting=setting,
        activity=cordon,
        act=lambda: act(cordon),
        nothing=activity("node.actions", "cordon_node", name="no-such-node"),
        others=lambda: kube.run("cordon", theirs),
        untouched=lambda: bool(kube.cordons()[theirs][0]),
    )
    assert conformance.check(Driver(), trial) == []


@pytest.fixture
def other(kube: Kube) -> Iterator[str]:
    """Another deployment in the shop's namespace."""
    kube.run("create", "deployment", "other", "-n", kube.namespace, "--image=agnhost", "--replicas=0")
    yield "other"
    kube.run("delete", "deployment", "other", "-n", kube.namespace, "--wait=true")


def test_scale(kube: Kube, setting: Setting, other: str) -> None:
    space = kube.namespace
    scale = activity("deployment.actions", "scale_deployment", name="shop", replicas=2, ns=space)
    wanted = ["get", "deployment", other, "-n", space, "-o", "jsonpath={.spec.replicas}"]
    trial = Trial(
        setting=setting,
        activity=scale,
        act=lambda: act(scale),
        nothing=activity("deployment.actions", "scale_deployment", name="no-such", replicas=2, ns=space),
        others=lambda: kube.run("scale", f"deployment/{other}", "-n", space, "--replicas=1"),
        untouched=lambda: kube.run(*wanted) == "1",
    )
    assert conformance.check(Driver(), trial) == []


def test_pod_kill(kube: Kube, setting: Setting) -> None:
    space = kube.namespace
    ours, theirs, *_ = sorted(kube.uids().values())
    kill = activity("pod.actions", "terminate_pods", ns=space, name_pattern=f"^{ours}$", all=True)
    trial = Trial(
        setting=setting,
        activity=kill,
        act=lambda: act(kill),
        nothing=activity("pod.actions", "terminate_pods", ns=space, name_pattern="^no-such-pod$"),
        others=lambda: kube.run("delete", "pod", theirs, "-n", space, "--wait=false"),
        untouched=lambda: theirs not in kube.uids().values(),
    )
    assert conformance.check(Driver(), trial) == []
    assert ours not in kube.uids().values()
