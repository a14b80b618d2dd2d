"""What must not change anything: a plan, an unknown context, a target that another run has."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import ROOT
from tests.cluster.kube import Kube
from tests.cluster.program import ChaosRun

POD_KILL = ROOT / "experiments/pod-kill.yaml"
NODE_DRAIN = ROOT / "experiments/node-drain.yaml"
SCALE_UP = ROOT / "tests/cluster/experiments/scale-up.yaml"
RIGHTS = ROOT / "tests/cluster/manifests/rights.yaml"
CORDON = ROOT / "tests/cluster/experiments/cordon.yaml"


def test_a_plan_names_the_targets_and_changes_nothing(kube: Kube, chaos_run: ChaosRun) -> None:
    before, pods = kube.snapshot(), kube.uids()
    outcome = chaos_run("plan", POD_KILL)
    assert outcome.code == 0, outcome.stderr
    assert [name for name in pods.values() if name not in outcome.stdout] == []
    assert kube.uids() == pods
    assert kube.snapshot() == before


def test_a_context_that_nobody_named_is_refused(kube: Kube, chaos_run: ChaosRun, tmp_path: Path) -> None:
    before, pods = kube.snapshot(), kube.uids()
    strange = tmp_path / "kubeconfig"
    strange.write_text(kube.run("config", "view", "--raw", "--flatten", "--minify"), "utf-8")
    context = kube.run("config", "current-context").strip()
    kube.run("config", "rename-context", context, "prod-eu", "--kubeconfig", str(strange))
    outcome = chaos_run("run", POD_KILL, "--json", "--kubeconfig", strange)
    assert outcome.code == 3
    assert "prod-eu" in outcome.stderr
    assert kube.uids() == pods
    assert kube.snapshot() == before


def test_a_context_that_is_not_in_the_file_is_a_usage_error(chaos_run: ChaosRun) -> None:
    outcome = chaos_run("run", POD_KILL, "--json", "--context", "kind-elsewhere")
    assert outcome.code == 2
    assert "kind-elsewhere" in outcome.stderr


def test_a_second_run_on_the_same_target_is_refused_and_the_holder_named(
    kube: Kube, chaos_run: ChaosRun, tmp_path: Path
) -> None:
    with chaos_run.running(CORDON) as first:
        run = first.wait_for("injected")["run"]
        second = chaos_run("run", CORDON, "--json", XDG_STATE_HOME=str(tmp_path / "another machine"))
        assert second.code == 3, second.stderr
        assert run in second.stderr
        assert chaos_run("stop").code == 0
        first.finish()
    assert kube.leases("default") == {}


def test_a_lock_whose_holder_has_died_is_taken_over_and_released(kube: Kube, chaos_run: ChaosRun) -> None:
    kube.run("apply", "-f", "-", stdin=json.dumps(_lease(kube.namespace, datetime.now(UTC) - timedelta(minutes=5))))
    with chaos_run.running(SCALE_UP) as run:
        name = run.wait_for("injected")["run"]
        assert name in kube.leases(kube.namespace)["chaos-run"]
        outcome = run.finish()
    assert outcome.passed, outcome.stderr + outcome.stdout[-2000:]
    assert kube.leases(kube.namespace) == {}


def test_a_lock_whose_holder_lives_is_respected(kube: Kube, chaos_run: ChaosRun) -> None:
    kube.run("apply", "-f", "-", stdin=json.dumps(_lease(kube.namespace, datetime.now(UTC))))
    try:
        outcome = chaos_run("run", SCALE_UP, "--json")
    finally:
        kube.run("delete", "lease", "chaos-run", "-n", kube.namespace)
    assert outcome.code == 3, outcome.stderr
    assert "somebody on another machine" in outcome.stderr
    assert kube.replicas() == 3


def test_a_run_that_has_lost_its_lock_ends_and_puts_everything_back(kube: Kube, chaos_run: ChaosRun) -> None:
    before = kube.cordons()
    with chaos_run.running(CORDON) as run:
        run.wait_for("injected")
        thief = '{"spec": {"holderIdentity": "somebody else"}}'
        try:
            kube.run("patch", "lease", "chaos-run-nodes", "-n", "default", "--type=merge", "-p", thief)
            outcome = run.finish()
            assert kube.leases("default") == {"chaos-run-nodes": "somebody else"}, "what is not ours is not released"
        finally:
            kube.run("delete", "lease", "chaos-run-nodes", "-n", "default", "--ignore-not-found")
    assert outcome.code == 7, outcome.stderr
    assert "the lock in the cluster was taken over" in outcome.named("abort")[0]["sentence"]
    assert kube.cordons() == before


@pytest.mark.real  # needs RBAC
def test_without_the_right_to_leases_this_machines_lock_has_to_do(
    kube: Kube, chaos_run: ChaosRun, tmp_path: Path
) -> None:
    rights = RIGHTS.read_text("utf-8").replace("namespace: shop", f"namespace: {kube.namespace}")
    try:
        kube.run("apply", "-f", "-", stdin=rights)
        token = kube.run("create", "token", "chaos", "-n", kube.namespace).strip()
        config = json.loads(kube.run("config", "view", "--raw", "--flatten", "--minify", "-o", "json"))
        config["users"][0]["user"] = {"token": token}
        (tmp_path / "kubeconfig").write_text(json.dumps(config), "utf-8")
        outcome = chaos_run("run", SCALE_UP, "--json", "--kubeconfig", tmp_path / "kubeconfig")
    finally:
        kube.run("delete", "-f", "-", "--ignore-not-found", stdin=rights)
    assert outcome.passed, outcome.stderr + outcome.stdout[-2000:]
    assert [f for f in outcome.verdict["findings"] if "not allowed to read leases" in f and "this machine's lock" in f]
    assert kube.replicas() == 3


def test_secrets_that_lead_to_another_context_are_refused(kube: Kube, chaos_run: ChaosRun, tmp_path: Path) -> None:
    pods = kube.uids()
    sly = tmp_path / "sly.yaml"
    text = POD_KILL.read_text("utf-8").replace("func: terminate_pods", "func: terminate_pods\n      secrets: [k8s]")
    sly.write_text(text + "\nsecrets:\n  k8s: {KUBERNETES_CONTEXT: prod-eu}\n", "utf-8")
    outcome = chaos_run("run", sly)
    assert outcome.code == 3, outcome.stderr
    assert "select another Kubernetes context" in outcome.stderr
    assert kube.uids() == pods


def test_an_api_server_that_cannot_be_reached_is_one_clear_line(
    kube: Kube, chaos_run: ChaosRun, tmp_path: Path
) -> None:
    config = json.loads(kube.run("config", "view", "--raw", "--flatten", "--minify", "-o", "json"))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "kubeconfig").write_text(json.dumps(config), "utf-8")
    for command in ("run", "plan"):
        outcome = chaos_run(command, POD_KILL, "--kubeconfig", tmp_path / "kubeconfig")
        assert outcome.code == 7
        assert "127.0.0.1:1 cannot be reached" in outcome.stderr
        assert len(outcome.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "right", "wrong"),
    [
        (POD_KILL, 'ns: "${namespace}"', "ns: shoop"),
        (POD_KILL, "app=shop", "app=shoop"),
        (NODE_DRAIN, "default: zone-c", "default: zone-x"),
        (SCALE_UP, "name: shop, ns", "name: shoop, ns"),
    ],
    ids=["namespace", "selector", "zone", "deployment"],
)
def test_what_matches_no_target_is_inconclusive_and_injects_nothing(
    kube: Kube, chaos_run: ChaosRun, tmp_path: Path, path: Path, right: str, wrong: str
) -> None:
    before, pods = kube.snapshot(), kube.uids()
    text = path.read_text("utf-8")
    assert right in text
    (tmp_path / "typo.yaml").write_text(text.replace(right, wrong), "utf-8")
    outcome = chaos_run("run", tmp_path / "typo.yaml", "--json")
    assert outcome.code == 4, outcome.stderr + outcome.stdout[-2000:]
    assert "no target matches" in outcome.verdict["sentence"]
    assert not outcome.named("injected")
    assert chaos_run("recover").stdout == "Nothing is left open.\n"
    assert kube.uids() == pods
    assert kube.snapshot() == before


def _lease(namespace: str, renewed: datetime) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "chaos-run", "namespace": namespace},
        "spec": {
            "holderIdentity": "somebody on another machine",
            "leaseDurationSeconds": 60,
            "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }
