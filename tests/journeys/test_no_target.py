"""A missing target: the playground takes its place only where a person reads that it does, and never where something else is meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.journeys.harness import ROOT, Json, shortened, started
from tests.journeys.test_commands import _file, chaos_run

POD_KILL = ROOT / "experiments/pod-kill.yaml"
TAKEN = "there is no kubeconfig here: this run takes the embedded playground"


def elsewhere() -> Json:
    """It watches a service of somebody's own."""
    document = shortened(POD_KILL)
    document["configuration"]["shop_url"] = "http://127.0.0.1:18080"
    return document


def test_a_bare_machine_says_before_anything_else_that_it_takes_the_playground(tmp_path: Path) -> None:
    with started(tmp_path, shortened(POD_KILL)) as run:
        first = run.until("finding")
        assert TAKEN in first["message"]
        assert run.named("run_started") == []
        assert run.until("run_started")["environment"] == "sandbox"
        run.process.terminate()
        run.finish()
    assert TAKEN in chaos_run("plan", _file(tmp_path, "x.json", shortened(POD_KILL))).stdout


def test_the_playground_by_name_needs_no_excuse(tmp_path: Path) -> None:
    asked = chaos_run("plan", _file(tmp_path, "x.json", elsewhere()), "--playground")
    assert asked.returncode == 0, asked.stderr
    assert TAKEN not in asked.stdout


@pytest.mark.parametrize("value", ["true", "1", "woodpecker"])
def test_in_ci_a_missing_target_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CI", value)
    for command in ("plan", "run"):
        refused = chaos_run(command, str(POD_KILL))
        assert refused.returncode == 2
        assert "in CI the playground is not used" in refused.stderr
    assert chaos_run("plan", str(POD_KILL), "--playground").returncode == 0


def test_in_a_gate_a_missing_target_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "false")
    refused = chaos_run("gate", str(POD_KILL))
    assert refused.returncode == 2
    assert "in a gate the playground is not used" in refused.stderr


def test_in_a_pod_its_own_cluster_is_meant_and_refused_as_long_as_no_policy_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    for command in ("plan", "run", "gate"):
        refused = chaos_run(command, str(POD_KILL))
        assert refused.returncode == 3
        assert "context 'in-cluster' is not on the sandbox allowlist" in refused.stderr


def test_a_server_named_by_the_extensions_variables_is_no_missing_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_HOST", "https://prod.example:6443")
    refused = chaos_run("plan", str(POD_KILL))
    assert refused.returncode == 3
    assert "context 'prod.example:6443' is not on the sandbox allowlist" in refused.stderr


@pytest.mark.parametrize("text", ["", "nonsense", "{}"], ids=["empty", "broken", "no context"])
def test_a_kubeconfig_that_cannot_be_used_is_no_missing_one(tmp_path: Path, text: str) -> None:
    home = tmp_path / "home/.kube"
    home.mkdir(parents=True)
    (home / "config").write_text(text)
    refused = chaos_run("plan", str(POD_KILL))
    assert refused.returncode == 2
    assert str(home / "config") in refused.stderr


def test_what_watches_another_service_does_not_mean_the_playground(tmp_path: Path) -> None:
    refused = chaos_run("plan", _file(tmp_path, "x.json", elsewhere()))
    assert refused.returncode == 2
    assert "http://127.0.0.1:18080/ is not in the playground" in refused.stderr


def test_an_action_on_an_account_is_never_local_and_is_accepted_by_its_name_alone(tmp_path: Path) -> None:
    provider = {"type": "python", "module": "chaosaws.ec2.actions", "func": "stop_instance"}
    document = {"title": "t", "description": "d", "method": [{"type": "action", "name": "stop", "provider": provider}]}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document | {"rollbacks": []}))
    for command in ("plan", "run", "gate"):
        refused = chaos_run(command, str(path))
        assert refused.returncode == 3
        assert (
            "'stop' strikes aws account unknown, region unknown, which is not on the sandbox allowlist"
            in refused.stderr
        )
    ours = {"name": "chaos-run", "service": "x", "accept_environment": ["stop"]}
    path.write_text(json.dumps(document | {"rollbacks": [], "extensions": [ours]}))
    plan = chaos_run("plan", str(path))
    assert plan.returncode == 0
    assert "where     aws account unknown, region unknown (unknown)" in plan.stdout
    run = chaos_run("run", str(path))
    assert run.returncode == 3, "outside a sandbox every action needs an undo, or its name"
    assert "nothing undoes 'stop' if the runner dies" in run.stderr
