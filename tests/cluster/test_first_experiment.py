"""From nothing to a first verdict on one's own deployment: init, validate, plan, run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster.kube import Kube
from tests.cluster.program import ChaosRun


def test_init_leads_to_a_verdict_on_ones_own_deployment_within_five_minutes(
    kube: Kube, chaos_run: ChaosRun, short: Callable[..., Path], tmp_path: Path
) -> None:
    began, pods = time.monotonic(), kube.uids()
    own = tmp_path / "mine" / "first.yaml"
    own.parent.mkdir()
    flags = ("--url", f"{chaos_run.shop_url}/", "--namespace", kube.namespace, "--selector", "app=shop")
    written = chaos_run("init", "--name", "our-shop", *flags, "-o", own)
    assert written.code == 0, written.stderr
    assert chaos_run("validate", "--strict", own).code == 0
    plan = chaos_run("plan", own)
    assert plan.code == 0, plan.stderr
    assert all(name in plan.stdout for name in pods.values())
    assert kube.uids() == pods, "a plan changes nothing"
    run = chaos_run("run", short(own, target="80%"), "--json")
    assert run.passed, run.stdout[-2000:] + run.stderr
    assert len(set(kube.uids()) & set(pods)) == len(pods) - 1, "one pod was killed"
    assert time.monotonic() - began < 300
