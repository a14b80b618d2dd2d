"""It strikes what was cleared, and only that: two clusters, and kubectl in a process action as it is in people's files."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.playground import start
from tests.journeys import harness
from tests.journeys.harness import ROOT, Service, experiment, started
from tests.journeys.test_commands import _file, chaos_run
from tests.playground.kubectl import PROGRAM, Kubectl
from tests.waiting import until

POD_KILL = str(ROOT / "experiments/pod-kill.yaml")


@dataclass(frozen=True)
class Two:
    """A kubeconfig of two clusters; the current context is the one that nobody may touch."""

    kubeconfig: Path
    prod: Kubectl
    lab: Kubectl
    secret: str

    def marks(self, key: str) -> tuple[bool, bool]:
        """Whether the shop of production, and that of the lab, carries an annotation."""
        prod, lab = (k.get("deploy", "shop")["metadata"]["annotations"] for k in (self.prod, self.lab))
        return key in prod, key in lab


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("two")
    read, held = os.pipe()  # killed ourselves, we leave no playground behind
    found = [asyncio.run(start.start(folder / name, lifeline=read)) for name in ("prod", "lab")]
    os.close(read)
    trees = [json.loads(p.kubeconfig.read_text("utf-8")) for p in found]
    names = ("prod-eu", "kind-lab")
    several = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "prod-eu",
        "clusters": [{**t["clusters"][0], "name": n} for n, t in zip(names, trees, strict=True)],
        "users": [{**t["users"][0], "name": n} for n, t in zip(names, trees, strict=True)],
        "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in names],
    }
    (folder / "config").write_text(json.dumps(several), "utf-8")
    prod, lab = (Kubectl(p.kubeconfig, "shop") for p in found)
    yield Two(folder / "config", prod, lab, trees[1]["users"][0]["user"]["token"])
    for playground in found:
        asyncio.run(playground.stop())
    os.close(held)


@pytest.fixture(autouse=True)
def _current_is_production(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(two.kubeconfig))
    monkeypatch.setenv("HELM_KUBECONTEXT", "prod-eu")


wait = {
    "type": "action",
    "name": "wait",
    "provider": {"type": "python", "module": "tests.fakes.actions", "func": "stubborn", "arguments": {"seconds": 30}},
}


def annotate(key: str, kind: str = "action", **extra: object) -> harness.Json:
    """kubectl without any --context, as people write it."""
    arguments = ["-n", "shop", "annotate", "deploy/shop", f"{key}=yes", "--overwrite"]
    provider = {"type": "process", "path": PROGRAM, "arguments": arguments, "timeout": 20}
    return {"type": kind, "name": key, "provider": provider, **extra}


def removal(key: str) -> harness.Json:
    """The way back: kubectl takes the annotation away."""
    found = annotate(key)
    found["provider"]["arguments"][-2] = f"{key}-"
    return {**found, "name": f"remove {key}"}


def test_a_program_of_the_experiment_strikes_the_context_of_the_plan(
    service: Service, tmp_path: Path, two: Two
) -> None:
    two.prod("annotate", "deploy/shop", "acted=long-ago")
    method = [annotate("acted", pauses={"after": 1}), annotate("unacted", pauses={"after": 60})]
    document = experiment(service, method=method, rollbacks=[removal("acted"), removal("unacted")])
    with started(tmp_path, document, "--context", "kind-lab") as run:
        run.until("activity", activity="unacted", state="succeeded")
        assert run.named("run_started")[0]["context"] == "kind-lab"
        assert two.marks("acted") == (True, True)
        assert two.marks("unacted") == (False, True)
        run.process.terminate()
        run.finish()
        assert two.marks("acted") == (True, False), "the rollback took it from the lab and left production's"
        left = {p: p.read_bytes() for p in run.folder.rglob("*") if p.is_file()}
    assert not [p for p in left if "kubeconfig" in p.name], "the private kubeconfig is gone with the run"
    assert not [p for p, text in left.items() if two.secret.encode() in text], "and its login is nowhere else"


def test_a_program_may_not_strike_a_context_that_the_policy_does_not_know(
    service: Service, tmp_path: Path, two: Two
) -> None:
    document = experiment(service, method=[annotate("unasked")])
    with started(tmp_path, document) as run:
        assert run.finish() == 3
        said = run.stderr()
        assert "context 'prod-eu' is not on the sandbox allowlist" in said
        assert "--no-cluster" in said
    assert two.marks("unasked") == (False, False)


@pytest.mark.parametrize(
    ("module", "func", "arguments"),
    [
        ("chaosk8s.actions", "kill_microservice", {"name": "shoop", "ns": "shop", "label_selector": "app=shoop"}),
        ("chaosk8s.service.actions", "delete_service", {"name": "shoop", "ns": "shop"}),
        ("chaosk8s.networking.actions", "deny_all_ingress", {"ns": "shop", "label_selectors": {"app": "shoop"}}),
        ("chaosk8s.node.actions", "drain_nodes", {"name": "worker1"}),
    ],
)
def test_an_aim_without_a_target_is_inconclusive_and_touches_nothing(
    service: Service, tmp_path: Path, two: Two, module: str, func: str, arguments: harness.Json
) -> None:
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    document = experiment(service, method=[{"type": "action", "name": "miss", "provider": provider}])
    two.lab("drain", "worker1", "--ignore-daemonsets", "--delete-emptydir-data", "--force")
    try:
        with started(tmp_path, document, "--context", "kind-lab") as run:
            assert run.finish() == 4
            assert "no target matches miss" in run.verdict["sentence"]
            assert not run.named("activity")
    finally:
        two.lab("uncordon", "worker1")


def test_who_asks_for_no_cluster_hands_the_program_none(service: Service, tmp_path: Path, two: Two) -> None:
    with started(tmp_path, experiment(service, method=[annotate("nowhere")]), "--no-cluster") as run:
        assert run.finish() == 4, "kubectl failed, so nothing was tested"
        assert run.named("run_started")[0]["context"] == "none"
    assert two.marks("nowhere") == (False, False)


def test_what_reaches_no_cluster_needs_nobodys_leave(service: Service, tmp_path: Path) -> None:
    method = [harness.http("break", "/break")]
    with started(tmp_path, experiment(service, method=method)) as run:
        run.finish()
        assert run.named("run_started")[0]["context"] == "none"
        assert run.named("injected")


@pytest.mark.parametrize("dead", [("parent",), ("parent", "undoer"), ("parent", "undoer", "worker")], ids="+".join)
def test_whoever_undoes_after_the_runners_death_strikes_it_too(
    service: Service, tmp_path: Path, two: Two, dead: tuple[str, ...]
) -> None:
    key = f"undone-{len(dead)}"
    two.prod("annotate", "deploy/shop", f"{key}=long-ago")
    document = experiment(service, method=[annotate(key), wait], rollbacks=[removal(key)])
    with started(tmp_path, document, "--context", "kind-lab") as run:
        run.until("activity", activity="wait", state="started")
        assert two.marks(key) == (True, True)
        private = run.folder / ".kubeconfig"
        assert private.stat().st_mode & 0o777 == 0o600
        run.kill(*dead)
        run.process.wait(10)
        if "worker" in dead:  # nobody is left
            done = chaos_run("recover")
            assert done.returncode == 0, done.stderr
        harness.record(run)
        assert two.marks(key) == (True, False)
        until(lambda: not private.exists(), "the run's own kubeconfig is gone")


@pytest.mark.parametrize("options", [("--context", "kind-lab"), ("--no-cluster",)], ids=["cleared", "none"])
def test_a_program_that_names_a_cluster_of_its_own_is_refused(
    service: Service, tmp_path: Path, two: Two, options: tuple[str, ...]
) -> None:
    sly = annotate("sly")
    sly["provider"]["arguments"] += ["--kubeconfig", "${mine}", "--context", "prod-eu"]
    document = experiment(service, method=[sly])
    document["configuration"]["mine"] = str(two.kubeconfig)
    with started(tmp_path, document, *options) as run:
        assert run.finish() == 3
        assert f"would reach another cluster than the cleared one: --kubeconfig {two.kubeconfig}" in run.stderr()
    assert two.marks("sly") == (False, False)


@pytest.mark.parametrize("secret", [{"KUBERNETES_HOST": "https://prod.example"}, {"KUBERNETES_CONTEXT": "prod-eu"}])
def test_secrets_of_the_file_that_lead_elsewhere_are_refused(
    service: Service, tmp_path: Path, two: Two, secret: harness.Json
) -> None:
    provider = {"type": "python", "module": "chaosk8s.pod.actions", "func": "terminate_pods"}
    arguments = {"ns": "shop", "label_selector": "app=shop"}
    kill = {"type": "action", "name": "kill", "provider": {**provider, "secrets": ["k8s"], "arguments": arguments}}
    before = two.lab.names("pods")
    document = experiment(service, method=[kill]) | {"secrets": {"k8s": secret}}
    with started(tmp_path, document, "--context", "kind-lab") as run:
        assert run.finish() == 3
    assert two.lab.names("pods") == before


def test_a_program_has_its_cluster_for_itself_and_the_lock_is_seen_there(
    service: Service, tmp_path: Path, two: Two
) -> None:
    document = experiment(service, method=[annotate("locked"), wait])
    with started(tmp_path, document, "--context", "kind-lab") as run:
        run.until("activity", activity="wait", state="started")
        holders = [lease["spec"]["holderIdentity"] for lease in two.lab.items("leases")]
        assert [h for h in holders if h.startswith(run.events[0]["run"])]
        second = chaos_run("run", POD_KILL, "--context", "kind-lab", "--plain")
        assert second.returncode == 3
        assert run.events[0]["run"] in second.stderr
        run.process.terminate()
        run.finish()
    assert two.lab.items("leases") == []


def test_the_plan_says_where_a_lock_may_not_cover_what_a_program_strikes(
    service: Service, tmp_path: Path, two: Two
) -> None:
    known, unknown = annotate("known"), annotate("unknown")
    unknown["provider"]["arguments"][1] = "$(cat namespace)"
    file = _file(tmp_path, "x.json", experiment(service, method=[known, unknown]))
    plan = chaos_run("plan", file, "--context", "kind-lab")
    assert (
        "unknown: a command in it names no namespace that can be read beforehand, so the lock in the cluster is taken for default too"
        in plan.stdout
    )
    assert "shop/chaos-run" in plan.stdout
    assert "default/chaos-run" in plan.stdout


def test_a_login_helpers_words_reach_the_person(service: Service, tmp_path: Path, two: Two) -> None:
    tree = json.loads(two.kubeconfig.read_text("utf-8"))
    helper = {"command": "sh", "args": ["-c", "echo SSO session has expired >&2; exit 255"]}
    tree["users"][1]["user"] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **helper}}
    config = _file(tmp_path, "config", tree)
    with started(
        tmp_path, experiment(service, method=[annotate("kept-out")]), "--context", "kind-lab", "--kubeconfig", config
    ) as run:
        assert run.finish() == 7
        assert "the login helper 'sh' failed with exit code 255: SSO session has expired" in run.stderr()
    assert two.marks("kept-out") == (False, False)


def test_a_helper_beside_its_kubeconfig_lets_programs_in_from_anywhere(
    service: Service, tmp_path: Path, two: Two
) -> None:
    token = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": two.secret}}
    (tmp_path / "login").write_text(f"#!/bin/sh\ntouch '{tmp_path}/asked'\necho '{json.dumps(token)}'\n", "utf-8")
    (tmp_path / "login").chmod(0o755)
    tree = json.loads(two.kubeconfig.read_text("utf-8"))
    tree["users"][1]["user"] = {
        "exec": {"apiVersion": token["apiVersion"], "command": "./login", "interactiveMode": "Never"}
    }
    config = _file(tmp_path, "config", tree)
    with started(
        tmp_path, experiment(service, method=[annotate("let-in")]), "--context", "kind-lab", "--kubeconfig", config
    ) as run:
        run.finish()
    assert two.marks("let-in") == (False, True)
    assert (tmp_path / "asked").exists()


def test_a_later_undo_logs_in_with_what_is_valid_then(service: Service, tmp_path: Path, two: Two) -> None:
    mine = tmp_path / "config"
    good = two.kubeconfig.read_text("utf-8")
    mine.write_text(good, "utf-8")
    method = [annotate("late"), wait]
    document = experiment(service, method=method, rollbacks=[removal("late")])
    with started(tmp_path, document, "--context", "kind-lab", "--kubeconfig", str(mine)) as run:
        run.until("activity", activity="wait", state="started")
        run.kill("parent", "undoer", "worker")
        assert two.marks("late") == (False, True)
        private = run.folder / ".kubeconfig"
        private.write_text("{}", "utf-8")  # as good as a login that has run out
        assert chaos_run("recover").returncode == 0
    assert two.marks("late") == (False, False)
