"""Whatever a run starts finds the one cleared context, or none: kubectl itself is the witness."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runner.faults.kubernetes import context, private_kubeconfig
from tests.faults.test_context import account, found, kubeconfig

KUBECTL = Path(sys.executable).parent / "kubectl"


def kubectl(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [KUBECTL, *arguments], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30
    )
    return done.returncode, done.stdout


@pytest.fixture(autouse=True)
def _a_machine_full_of_other_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another cluster by every way there is; none of them may be taken."""
    kubeconfig(tmp_path / "home/.kube/config", "prod-eu", current="prod-eu")
    for name in private_kubeconfig.ASTRAY:
        monkeypatch.setenv(name, "prod-eu")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "home/.kube/config"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "prod-eu.example")


def test_the_handed_context_is_current_and_alone_for_kubectl(tmp_path: Path) -> None:
    several = kubeconfig(tmp_path / "config", "prod-eu", "kind-lab", current="prod-eu")
    env = private_kubeconfig.environment(private_kubeconfig.hand(tmp_path, found(str(several), "kind-lab", env={})))
    assert kubectl(env, "config", "get-contexts", "-o", "name") == (0, "kind-lab\n")
    assert kubectl(env, "config", "current-context") == (0, "kind-lab\n")
    assert kubectl(env, "--context", "prod-eu", "get", "pods")[0] != 0
    assert "prod-eu" not in json.dumps({k: v for k, v in env.items() if k in private_kubeconfig.ASTRAY})


def test_who_is_handed_none_finds_none(tmp_path: Path) -> None:
    env = private_kubeconfig.environment(private_kubeconfig.hand(tmp_path, None))
    assert kubectl(env, "config", "get-contexts", "-o", "name") == (0, "")
    code, said = kubectl(env, "get", "pods", "--request-timeout=5s")
    assert code != 0
    assert "127.0.0.1:1 " in said, "neither localhost:8080, nor a service account, nor ~/.kube/config"


def test_the_stock_client_finds_none_either(tmp_path: Path) -> None:
    env = private_kubeconfig.environment(private_kubeconfig.hand(tmp_path, None))
    code = "import chaosk8s; chaosk8s.create_k8s_api_client({})"
    done = subprocess.run([sys.executable, "-c", code], env=env, text=True, capture_output=True)
    assert done.returncode != 0
    assert "contexts list" in done.stderr, "not the service account, and not ~/.kube/config"


def test_it_is_for_its_owner_alone_and_hidden(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "config", "kind-lab", current="kind-lab")
    private = Path(private_kubeconfig.hand(tmp_path, found(str(file), None, env={}))["KUBECONFIG"])
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.name.startswith("."), "what uploads or bundles a folder leaves hidden files out"
    private_kubeconfig.forget(tmp_path)
    assert not private.exists()


def test_in_its_own_pod_the_ways_to_the_cleared_cluster_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    pod = {"HOME": "/nowhere", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    env = private_kubeconfig.hand(tmp_path, found(None, None, env=pod, account=account(tmp_path / "account")))
    assert env["KUBERNETES_SERVICE_HOST"] == "10.0.0.1"
    assert env["KUBERNETES_CONTEXT"] == context.IN_CLUSTER


def test_a_later_undo_gets_the_login_of_today_if_it_is_the_same_server(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "config", "kind-lab", current="kind-lab", token="yesterday's")
    before = found(str(file), None, env={})
    private = Path(private_kubeconfig.hand(tmp_path, before)["KUBECONFIG"])
    kubeconfig(tmp_path / "config", "kind-lab", current="kind-lab", token="today's")
    private_kubeconfig.renew(tmp_path, private_kubeconfig.origin(before))
    assert "today's" in private.read_text("utf-8")
    moved = file.read_text("utf-8").replace("kind-lab.example", "elsewhere.example").replace("today's", "tomorrow's")
    file.write_text(moved, "utf-8")
    private_kubeconfig.renew(tmp_path, private_kubeconfig.origin(before))
    assert "today's" in private.read_text("utf-8"), "another server is another cluster, whatever its name"
    file.unlink()
    private_kubeconfig.renew(tmp_path, private_kubeconfig.origin(before))
    assert "today's" in private.read_text("utf-8"), "what the run had is better than nothing"
