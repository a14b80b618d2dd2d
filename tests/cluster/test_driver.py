"""The Kubernetes driver passes the conformance suite: cordon, scale, pod kill, drain and the failure of a zone, beside the same
change by somebody else."""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes.config import kube_config

from runner.faults import conformance, identity
from runner.faults.conformance import Trial, Trouble
from runner.faults.driver import Activity, Setting
from runner.faults.kubernetes import cordon
from runner.faults.kubernetes.driver import Driver
from tests.cluster.kube import Kube, until
from tests.fakes.listening import Quiet, listening
from tests.faults.systems import catalogue
from tests.faults.test_conformance import SETTING, NoSecrets


@pytest.fixture(autouse=True)
def _client(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", kube.kubeconfig)
    # The client has read the variable when it was imported, perhaps by an earlier test.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", kube.kubeconfig)


@pytest.fixture
def setting(kube: Kube) -> Setting:
    return replace(SETTING, context=kube.run("config", "current-context").strip())


@dataclass(frozen=True)
class Elsewhere(NoSecrets):
    """Secrets that lead the client to another context of the same kubeconfig."""

    context: str

    def starting_with(self, prefix: str) -> dict[str, Any]:
        return {"KUBERNETES_CONTEXT": self.context}


@contextlib.contextmanager
def troubled(kube: Kube, setting: Setting, folder: Path, trouble: Trouble) -> Iterator[Setting]:
    """A setting whose API server answers everything with this trouble; the client finds it by a context of its own."""

    class Troubled(Quiet):
        def do_GET(self) -> None:
            if trouble is Trouble.SILENT:
                self.close_connection = True
                return
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "code": int(trouble)}
            self.answer(json.dumps(status).encode(), int(trouble))

        do_PATCH = do_PUT = do_POST = do_DELETE = do_GET

    tree = json.loads(kube.run("config", "view", "--raw", "--flatten", "-o", "json"))
    with listening(Troubled) as url:
        tree["clusters"] = [*tree["clusters"], {"name": "trouble", "cluster": {"server": url}}]
        there = {"name": "trouble", "context": {"cluster": "trouble", "user": tree["users"][0]["name"]}}
        (folder / "troubled").write_text(json.dumps(tree | {"contexts": [*tree["contexts"], there]}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(folder / "troubled"))
            yield replace(setting, secrets=Elsewhere("trouble"))


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


OURS = "runner.faults.kubernetes.actions"


def own(function: str, **arguments: Any) -> Activity:
    provider = {"type": "python", "module": OURS, "func": function, "arguments": arguments}
    return Activity(name=function, provider=provider, arguments=arguments)


@pytest.fixture
def as_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Actions of this process are those of the run in the setting, as in a worker."""
    monkeypatch.setenv(identity.VARIABLE, SETTING.run)
    identity.run_id.cache_clear()
    yield
    identity.run_id.cache_clear()


@pytest.fixture
def inhabited(kube: Kube, nodes: tuple[str, str]) -> Iterator[str]:
    """A node with two pods that come back to it at once, cordoned or not: they name it themselves."""
    pinned = json.loads(
        kube.run("create", "deployment", "pinned", "-n", kube.namespace, "--image=registry.k8s.io/e2e-test-images/agnhost:2.53",
                 "--replicas=2", "--dry-run=client", "-o", "json")
    )  # fmt: skip
    pinned["spec"]["template"]["spec"] |= {"nodeName": nodes[0], "terminationGracePeriodSeconds": 1}
    kube.run("apply", "-n", kube.namespace, "-f", "-", stdin=json.dumps(pinned))
    mine = ["get", "pods", "-n", kube.namespace, "-l", "app=pinned", "-o", "jsonpath={.items[*].spec.nodeName}"]
    until(lambda: kube.run(*mine).split() == [nodes[0]] * 2, 20, "the pinned pods to be there")
    yield nodes[0]
    kube.run("delete", "deployment", "pinned", "-n", kube.namespace, "--wait=true")


@pytest.mark.usefixtures("as_run")
@pytest.mark.parametrize("function", ["drain_nodes", pytest.param("fail_zone", marks=catalogue)])
def test_a_drain_and_a_zone_that_fails(
    kube: Kube, setting: Setting, nodes: tuple[str, str], inhabited: str, tmp_path: Path, function: str
) -> None:
    ours, theirs = nodes
    zone = kube.run("get", "node", ours, "-o", "jsonpath={.metadata.labels['topology\\.kubernetes\\.io/zone']}")
    where: dict[str, Any] = {"name": ours} if function == "drain_nodes" else {"zone": zone}
    nowhere: dict[str, Any] = {"name": "no-such-node"} if function == "drain_nodes" else {"zone": "no-such-zone"}
    empty = own(function, **where, delete_emptydir_data=True, force=True, timeout="30s")

    def leave_a_cordon() -> None:
        note = json.dumps({"spec": {"unschedulable": True}, "metadata": {"annotations": {cordon.NOTE: SETTING.run}}})
        kube.run("patch", "node", ours, "--type=merge", "-p", note, f"--field-manager={cordon.WRITER}")

    trial = Trial(
        setting=setting,
        activity=empty,
        act=lambda: act(empty),
        nothing=own(function, **nowhere),
        others=lambda: kube.run("cordon", theirs),
        untouched=lambda: bool(kube.cordons()[theirs][0]),
        leftover=leave_a_cordon,
        troubled=lambda trouble: troubled(kube, setting, tmp_path, trouble),
    )
    assert conformance.check(Driver(), trial) == []
    assert not kube.cordons()[ours][0]
