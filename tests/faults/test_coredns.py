"""CoreDNS runs what it has loaded until it loads something else: a ConfigMap that is put back is not believed to be the end of a fault."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from kubernetes.client.rest import ApiException

from runner import errors
from runner.faults import identity
from runner.faults.driver import FaultTarget, Outcome, State
from runner.faults.kubernetes import corefile, dns
from runner.faults.kubernetes.client import Cluster
from tests.fakes import kube_api
from tests.fakes.kube_api import KubeApi
from tests.faults.test_conformance import SETTING
from tests.faults.test_corefile import KUBEADM, NAMES
from tests.faults.test_kubernetes_undo import World, recorded

MAP, POD = "/api/v1/namespaces/kube-system/configmaps/coredns", "/api/v1/namespaces/kube-system/pods/coredns-1"


@dataclass
class CoreDns(KubeApi):
    """One CoreDNS pod, seen by its log: whenever that is read it has loaded what the ConfigMap says, unless something is in the way."""

    log: str = ""
    stuck: bool = False
    """It goes on with what it has: its node brings no file, or the file is broken."""
    unreadable: bool = False

    def answer(self, method: str, url: str, kind: str, body: Any) -> tuple[int, Any]:
        if not url.partition("?")[0].endswith("/log"):
            return super().answer(method, url, kind, body)
        if self.unreadable:
            return 500, {"kind": "Status", "message": "the node does not answer", "code": 500}
        with self.lock:
            if not self.stuck and not self.log.endswith(loaded := loading(self.corefile)):
                self.log += loaded
            return 200, self.log

    @property
    def corefile(self) -> str:
        return str(self.objects[MAP]["data"]["Corefile"])

    @property
    def notes(self) -> str | None:
        found: str | None = (self.objects[MAP]["metadata"].get("annotations") or {}).get(dns.NOTE)
        return found

    def change(self, text: str) -> None:
        self.edit(MAP, {"data": {"Corefile": text}})


def loading(text: str) -> str:
    """What it says when it has loaded that Corefile."""
    return f"[INFO] plugin/reload: Running configuration SHA512 = {hashlib.sha512(text.encode()).hexdigest()}\n"


@dataclass
class Lookups:
    """A run whose action lets lookups fail."""

    world: World
    dns: CoreDns
    target: FaultTarget
    before: dict[str, Any]

    def fail(self) -> None:
        dns.tell(Cluster(self.world.secrets()), {"names": NAMES})

    def fail_and_die(self) -> None:
        """Nothing is seen any more once the ConfigMap is written, and nothing of it is loaded yet."""

        def no_more(path: str) -> None:
            self.dns.stuck = self.dns.unreadable = True

        self.dns.after_write = no_more
        with pytest.raises(ApiException):
            self.fail()
        self.dns.after_write = lambda path: None
        assert SETTING.run in corefile.runs(self.dns.corefile)

    def undo(self) -> bool:
        """Asked once: what is not so at once is not so."""
        return dns.undone(Cluster(self.world.secrets()), SETTING.run, recorded(self.target).args["running"], within_s=0)

    def residue(self) -> tuple[str, ...]:
        return self.world.left(self.before, recorded(self.target)).residue


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lookups]:
    monkeypatch.setattr(identity, "run_id", lambda: SETTING.run)
    api = CoreDns()
    api.put(MAP, {"metadata": {"name": "coredns", "namespace": "kube-system"}, "data": {"Corefile": KUBEADM}})
    labels = {"k8s-app": "kube-dns"}
    owned = {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "coredns", "uid": "u"}]}
    api.put(POD, {"metadata": {"name": "coredns-1", "labels": labels, **owned}, "status": {"phase": "Running"}})
    with kube_api.serving(api) as url:
        world = World(api, kube_api.at(replace(SETTING, context="kind-test"), url))
        target = world.resolve("runner.faults.kubernetes.actions", "fail_dns", names=NAMES)
        yield Lookups(world, api, target, world.snapshot(target))


STILL = "the ConfigMap is put back, but coredns-1 did not load it"


def test_a_fault_that_was_never_made_and_one_that_is_over_need_nothing(lookups: Lookups) -> None:
    assert lookups.world.undo(recorded(lookups.target)) == Outcome(state=State.ALREADY)
    lookups.fail()
    assert SETTING.run in corefile.runs(lookups.dns.corefile)
    assert lookups.world.undo(recorded(lookups.target)) == Outcome(state=State.UNDONE)
    assert (lookups.dns.corefile, lookups.dns.notes) == (KUBEADM, None)
    assert lookups.world.undo(recorded(lookups.target)) == Outcome(state=State.ALREADY)
    assert lookups.residue() == ()


def test_coredns_that_goes_on_with_the_fault_is_no_success_however_often_it_is_asked(lookups: Lookups) -> None:
    lookups.fail()
    lookups.dns.stuck = True
    for _ in range(3):
        with pytest.raises(errors.EnvironmentFailure, match=STILL):
            lookups.undo()
        assert lookups.dns.corefile == KUBEADM
    assert "coredns-1 still runs another configuration than before the run" in lookups.residue()
    lookups.dns.stuck = False
    assert lookups.undo()
    assert lookups.dns.notes is None
    assert lookups.residue() == ()


def test_an_edit_of_others_is_told_from_the_fault(lookups: Lookups) -> None:
    """A good one is loaded, and neither what ran before nor the fault; with a broken one the fault goes on."""
    lookups.fail()
    lookups.dns.change(lookups.dns.corefile.replace("ttl 30", "ttl 60"))
    lookups.dns.stuck = True
    for _ in range(2):
        with pytest.raises(errors.EnvironmentFailure, match=STILL):
            lookups.undo()
    lookups.dns.stuck = False
    assert lookups.undo()
    assert lookups.dns.corefile == KUBEADM.replace("ttl 30", "ttl 60")


def test_an_edit_of_others_that_took_the_fault_out_is_believed_once_it_runs(lookups: Lookups) -> None:
    lookups.fail()
    lookups.dns.change(KUBEADM.replace("ttl 30", "ttl 60"))
    assert lookups.undo()


def test_a_fault_that_coredns_has_not_loaded_yet_is_over_with_the_configmap(lookups: Lookups) -> None:
    """The run was stopped before: there is nothing to wait for."""
    lookups.fail_and_die()
    lookups.dns.unreadable = False
    assert lookups.undo()
    assert lookups.dns.corefile == KUBEADM


def test_what_ran_unseen_while_the_fault_was_in_is_not_believed_to_be_anything_else(lookups: Lookups) -> None:
    lookups.fail_and_die()
    late = lookups.dns.corefile
    with pytest.raises(ApiException):
        lookups.undo()
    lookups.dns.unreadable, lookups.dns.log = False, lookups.dns.log + loading(late)
    with pytest.raises(errors.EnvironmentFailure, match=STILL):
        lookups.undo()


def test_the_record_knows_what_ran_before_where_the_note_is_gone(lookups: Lookups) -> None:
    lookups.dns.stuck = True
    lookups.dns.change(corefile.failing(KUBEADM, SETTING.run, NAMES, "SERVFAIL"))
    assert lookups.undo()


def test_a_log_that_cannot_be_read_keeps_no_fault_in_and_proves_nothing(lookups: Lookups) -> None:
    lookups.fail()
    lookups.dns.unreadable = True
    with pytest.raises(ApiException):
        lookups.undo()
    assert lookups.dns.corefile == KUBEADM
    lookups.dns.unreadable, lookups.dns.stuck, lookups.dns.log = False, True, "[ERROR] that is all\n"
    with pytest.raises(errors.EnvironmentFailure, match=r"as far as the log says.*that is all"):
        lookups.undo()


def test_what_coredns_runs_is_looked_at_though_somebody_else_put_the_configmap_back(lookups: Lookups) -> None:
    lookups.fail()
    lookups.dns.stuck = True
    lookups.dns.edit(MAP, {"data": {"Corefile": KUBEADM}, "metadata": {"annotations": None}})
    assert lookups.residue() == ("coredns-1 still runs another configuration than before the run",)
