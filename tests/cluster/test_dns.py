"""On a real cluster: CoreDNS answers a name with SERVFAIL for who asks in a pod, and is given back its own configuration to the byte."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.faults.driver import Owner, Setting, State
from runner.faults.kubernetes import actions
from runner.faults.kubernetes.driver import Driver
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from tests.cluster.kube import Kube, until
from tests.cluster.test_driver import _client, as_run, own, setting
from tests.faults.systems import catalogue

__all__ = ["_client", "as_run", "setting"]
pytestmark = pytest.mark.real


def _corefile(kube: Kube) -> str:
    found: dict[str, Any] = json.loads(kube.run("get", "configmap", "coredns", "-n", "kube-system", "-o", "json"))
    return str(found["data"]["Corefile"])


def _answer(kube: Kube, name: str) -> str:
    pod = sorted(kube.uids().values())[0]
    return kube.run("exec", pod, "-n", kube.namespace, "--", "sh", "-c", f"nslookup {name}. 2>&1 || true")


@catalogue
@pytest.mark.usefixtures("as_run")
def test_lookups_of_a_name_fail_and_are_given_back(kube: Kube, setting: Setting) -> None:
    name, before = f"shop.{kube.namespace}.svc.cluster.local", _corefile(kube)
    fail = own("fail_dns", names=[name])
    system = Driver().open(setting)
    target = system.resolve(fail)
    assert target is not None
    assert (target.targets, target.owner) == (("configmap/kube-system/coredns",), Owner.UNDOER)
    snapshot = system.snapshot([target], must=True)
    records = [UndoRecord(number=1, kind=step.kind, what=step.what, args=dict(step.args)) for step in target.undo]
    assert "SERVFAIL" not in _answer(kube, name)
    try:
        actions.fail_dns(names=[name])
        assert not system.confirm(fail, target).confirmed, "it is loaded, and nobody has asked yet"
        until(lambda: "SERVFAIL" in _answer(kube, name), 10, "the lookup to fail")
        assert "SERVFAIL" not in _answer(kube, "kubernetes.default.svc.cluster.local"), "of other names nothing is seen"
        assert system.confirm(fail, target).confirmed
        assert system.residue(snapshot, records, Kept()).residue
        assert system.undo(records[0]).state is State.UNDONE
    finally:
        actions.clear_dns()
    assert system.undo(records[0]).state is State.ALREADY
    assert "SERVFAIL" not in _answer(kube, name)
    assert _corefile(kube) == before
    assert not system.residue(snapshot, records, Kept()).residue
