"""The lock in the cluster, on the API itself: who holds it, whose it stays, and when it is free."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes.config import kube_config

from runner.faults.driver import LockAnswer
from runner.faults.kubernetes import lease
from runner.playground import start
from tests.playground.kubectl import Kubectl

LEASE = "shop/chaos-run"
OURS, THEIRS = "20260101-000000-ours", "20260101-000000-them"
HELD = LockAnswer(held=True)


@pytest.fixture(autouse=True)
def _free(playground: start.Playground, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KUBECONFIG", str(playground.kubeconfig))
    # The client has read the variable when it was imported, perhaps by an earlier test.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(playground.kubeconfig))
    yield
    kubectl("delete", "lease", "chaos-run", "--ignore-not-found")


@pytest.fixture
def changed(kubectl: Kubectl) -> Callable[..., None]:
    """Change the lease's spec behind our back."""

    def patch(**spec: Any) -> None:
        kubectl("patch", "lease", "chaos-run", "--type=merge", "--patch", json.dumps({"spec": spec}))

    return patch


def test_a_lease_that_another_run_holds_is_not_taken_and_its_holder_named() -> None:
    assert lease.acquire(LEASE, THEIRS) == HELD
    answer = lease.acquire(LEASE, OURS)
    assert answer.held is False
    assert answer.holder.startswith(f"{THEIRS} by ")
    assert lease.renew(LEASE, THEIRS), "it is theirs still"
    assert not lease.renew(LEASE, OURS)
    assert not lease.release(LEASE, OURS)
    assert lease.renew(LEASE, THEIRS)


def test_our_own_lease_is_ours_again_after_a_restart_of_a_process() -> None:
    assert lease.acquire(LEASE, OURS) == lease.acquire(LEASE, OURS) == HELD


def test_a_lease_whose_holder_has_gone_silent_is_free_and_its_old_holder_has_lost_it(
    changed: Callable[..., None],
) -> None:
    lease.acquire(LEASE, THEIRS)
    changed(renewTime="2026-01-01T00:00:00.000000Z")
    assert lease.acquire(LEASE, OURS) == HELD
    assert not lease.renew(LEASE, THEIRS)
    assert not lease.release(LEASE, THEIRS)
    assert lease.renew(LEASE, OURS)


def test_a_renewal_keeps_it_and_a_release_frees_it(changed: Callable[..., None]) -> None:
    lease.acquire(LEASE, OURS)
    changed(renewTime="2026-01-01T00:00:00.000000Z")
    assert lease.renew(LEASE, OURS)
    assert lease.acquire(LEASE, THEIRS).held is False, "it was renewed"
    assert lease.release(LEASE, OURS)
    assert not lease.release(LEASE, OURS), "it is gone"
    assert lease.acquire(LEASE, THEIRS) == HELD


def test_where_there_is_no_such_namespace_there_is_no_lock_and_why_is_said() -> None:
    assert lease.acquire("nowhere/chaos-run", OURS) == LockAnswer(held=None, error="there is no such namespace")
