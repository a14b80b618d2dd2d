"""It strikes what was cleared: programs by way of the handed kubeconfig, custom objects by name, a pod's own service account."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from runner.faults.kubernetes import context, private_kubeconfig
from tests.cluster.conftest import ROOT
from tests.cluster.kube import Kube
from tests.cluster.program import ChaosRun

RIGHTS = ROOT / "tests/cluster/manifests/rights.yaml"
CRD = ROOT / "tests/cluster/manifests/faults.yaml"


def experiment(folder: Path, method: list[dict[str, Any]], rollbacks: list[dict[str, Any]]) -> Path:
    ours = {
        "name": "chaos-run",
        "service": "shop",
        "traffic": [{"name": "storefront", "url": "${shop_url}/", "rate": 50, "timeout": "1s"}],
        "objectives": [{"name": "availability", "indicator": "storefront", "target": "90%"}],
        "windows": {"baseline": "1s", "recovery": "20s", "stable": "1s"},
        "abort": [{"duration": "1m"}],
    }
    document = {
        "title": "it strikes what was cleared",
        "description": "made by a test",
        "configuration": {"shop_url": {"type": "env", "key": "SHOP_URL"}},
        "method": [{"type": "action", **a} for a in method],
        "rollbacks": [{"type": "action", **a} for a in rollbacks],
        "extensions": [ours],
    }
    path = folder / "strike.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def program(kube: Kube, name: str, *arguments: str, pause: float = 0) -> dict[str, Any]:
    words = ["-n", kube.namespace, *arguments]
    provider = {"type": "process", "path": kube.kubectl, "arguments": words, "timeout": 20}
    return {"name": name, "provider": provider, "pauses": {"after": pause}}


def stock(name: str, module: str, func: str, /, pause: float = 0, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return {"name": name, "provider": provider, "pauses": {"after": pause}}


def test_kubectl_strikes_the_chosen_context_though_another_is_current(
    kube: Kube, chaos_run: ChaosRun, tmp_path: Path
) -> None:
    before = kube.snapshot()
    tree = json.loads(kube.run("config", "view", "--raw", "--flatten", "--minify", "-o", "json"))
    right = tree["current-context"]
    tree["clusters"].append({"name": "elsewhere", "cluster": {"server": "https://127.0.0.1:1"}})
    tree["contexts"].append({"name": "prod-eu", "context": {"cluster": "elsewhere", "user": tree["users"][0]["name"]}})
    (tmp_path / "several").write_text(json.dumps(tree | {"current-context": "prod-eu"}), "utf-8")
    file = experiment(
        tmp_path,
        [program(kube, "mark", "create", "configmap", "struck-by-kubectl", pause=1)],
        [program(kube, "unmark", "delete", "configmap", "struck-by-kubectl")],
    )
    assert chaos_run("run", file, "--json", "--kubeconfig", tmp_path / "several").code == 3, "prod-eu is current"
    with chaos_run.running(file, "--kubeconfig", tmp_path / "several", "--context", right) as run:
        name = run.wait_for("injected")["run"]
        assert [c for c in kube.get("configmaps", "-n", kube.namespace) if c["metadata"]["name"] == "struck-by-kubectl"]
        assert name in kube.leases(kube.namespace)["chaos-run"], "a program takes the lock as well"
        outcome = run.finish()
    assert not outcome.verdict.get("residue"), outcome.stderr
    assert kube.snapshot() == before
    assert not list(Path(os.environ["XDG_STATE_HOME"]).rglob(".kubeconfig"))


def test_a_network_policy_names_the_pods_that_it_selects(kube: Kube, chaos_run: ChaosRun, tmp_path: Path) -> None:
    module = "chaosk8s.networking.actions"
    action = stock("deny", module, "deny_all_ingress", ns=kube.namespace, label_selectors={"app": "shop"})
    undo = stock("allow", module, "remove_deny_all_ingress", ns=kube.namespace)
    outcome = chaos_run("plan", experiment(tmp_path, [action], [undo]))
    assert outcome.code == 0, outcome.stderr
    assert [name for name in kube.uids().values() if f"pod/{kube.namespace}/{name}" not in outcome.stdout] == []
    action["provider"]["arguments"]["label_selectors"] = {"app": "shoop"}
    missed = chaos_run("run", experiment(tmp_path, [action], [undo]), "--json")
    assert missed.code == 4
    assert "no target matches" in missed.verdict["sentence"]
    assert kube.get("networkpolicies", "-n", kube.namespace) == []


@pytest.mark.real
def test_a_custom_object_is_named_proven_by_its_uid_and_one_that_is_not_there_is_no_target(
    kube: Kube, chaos_run: ChaosRun, tmp_path: Path
) -> None:
    kind = {"group": "chaos-run.example", "version": "v1", "plural": "faults", "ns": kube.namespace}
    wanted = {"apiVersion": "chaos-run.example/v1", "kind": "Fault", "metadata": {"name": "made"}, "spec": {"a": 1}}
    module = "chaosk8s.crd.actions"
    undo = stock("unmake", module, "delete_custom_object", name="made", **kind)
    try:
        kube.run("apply", "-f", str(CRD))
        kube.run("wait", "--for=condition=Established", "crd/faults.chaos-run.example", "--timeout=20s")
        missed = chaos_run("run", experiment(tmp_path, [undo], []), "--json")
        assert missed.code == 4, missed.stderr
        assert "no target matches" in missed.verdict["sentence"]
        make = stock("make", module, "create_custom_object", resource=wanted, pause=1, **kind)
        outcome = chaos_run("run", experiment(tmp_path, [make], [undo]), "--json")
        assert outcome.code == 0, outcome.stderr + outcome.stdout[-2000:]
        assert outcome.named("effective")[0]["how"] == f"faults/{kube.namespace}/made is there"
        assert kube.get("faults.chaos-run.example", "-n", kube.namespace) == []
    finally:
        kube.run("delete", "-f", str(CRD), "--ignore-not-found")


@pytest.mark.real
def test_a_pods_service_account_makes_a_kubeconfig_that_lets_in_and_holds_no_token(kube: Kube, tmp_path: Path) -> None:
    rights = RIGHTS.read_text("utf-8").replace("namespace: shop", f"namespace: {kube.namespace}")
    cluster = json.loads(kube.run("config", "view", "--raw", "--flatten", "--minify", "-o", "json"))["clusters"][0]
    account = tmp_path / "account"
    account.mkdir()
    (account / "namespace").write_text(kube.namespace, "utf-8")
    (account / "ca.crt").write_bytes(base64.b64decode(cluster["cluster"]["certificate-authority-data"]))
    address = urlsplit(cluster["cluster"]["server"])
    env = {"KUBERNETES_SERVICE_HOST": str(address.hostname), "KUBERNETES_SERVICE_PORT": str(address.port)}
    try:
        kube.run("apply", "-f", "-", stdin=rights)
        token = kube.run("create", "token", "chaos", "-n", kube.namespace).strip()
        (account / "token").write_text(token, "utf-8")
        found = context.find(None, None, env | {"HOME": "/nowhere"}, account=account)
        assert found is not None
        given = private_kubeconfig.environment(private_kubeconfig.hand(tmp_path, found))
        who = subprocess.run(
            [kube.kubectl, "auth", "whoami", "-o", "json"], env=given, capture_output=True, text=True, timeout=30
        )
        assert f"serviceaccount:{kube.namespace}:chaos" in who.stdout, who.stderr
        assert token not in (tmp_path / private_kubeconfig.NAME).read_text("utf-8")
    finally:
        kube.run("delete", "-f", "-", "--ignore-not-found", stdin=rights)
