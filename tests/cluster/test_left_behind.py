"""What a run left in the cluster is found, whatever made it and wherever; what others did is not blamed on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kube import Kube, until
from tests.cluster.program import ChaosRun, Outcome

Json = dict[str, Any]
CLEAN = "nothing is left behind"
AWAY = "elsewhere-of-tests"


@pytest.fixture(autouse=True)
def _away(kube: Kube) -> Iterator[None]:
    """A namespace that no file names."""
    kube.run("create", "namespace", AWAY)
    kube.run("create", "configmap", "settings", "-n", AWAY, "--from-literal=key=before")
    yield
    kube.run("delete", "namespace", AWAY, "--wait=false")
    kube.run("delete", "pod", "leftover", "-n", "default", "--ignore-not-found", "--force", "--grace-period=0")
    until(lambda: AWAY not in [n["metadata"]["name"] for n in kube.get("namespaces")], 60, "the namespace to go")


def own(func: str, called: str = "", **arguments: Any) -> Json:
    provider = {"type": "python", "module": "tests.fakes.teams_own", "func": func, "arguments": arguments}
    return {"type": "action", "name": called or func, "provider": provider}


def program(script: str) -> Json:
    return {
        "type": "action",
        "name": "program",
        "provider": {"type": "process", "path": "sh", "arguments": ["-c", script]},
    }


def played(chaos_run: ChaosRun, folder: Path, method: list[Json], rollbacks: list[Json] | None = None) -> Outcome:
    calm = {"type": "process", "path": "true"}
    document = {
        "title": "a team's own",
        "description": "made by a test",
        "steady-state-hypothesis": {
            "title": "calm",
            "probes": [{"type": "probe", "name": "calm", "tolerance": 0, "provider": calm}],
        },
        "method": method,
        "rollbacks": rollbacks or [],
        "extensions": [{"name": "chaos-run", "service": "own", "windows": {"baseline": "300ms"}}],
    }
    file = folder / "own.json"
    file.write_text(json.dumps(document))
    return chaos_run("run", file, "--json")


def _undone(outcome: Outcome) -> Any:
    assert outcome.named("undone"), outcome.stderr + outcome.stdout[-2000:]
    return outcome.named("undone")[-1]


def test_a_pod_of_an_own_module_is_found_in_a_namespace_that_nothing_names(chaos_run: ChaosRun, tmp_path: Path) -> None:
    outcome = played(chaos_run, tmp_path, [own("make_pod", name="it", ns=AWAY)])
    assert outcome.code == 6
    assert _undone(outcome)["residue"] == [f"pod {AWAY}/it is new (during the run: by it or by others)"]


def test_it_is_found_beside_a_stock_action(chaos_run: ChaosRun, tmp_path: Path) -> None:
    kill = {
        "type": "python",
        "module": "chaosk8s.pod.actions",
        "func": "terminate_pods",
        "arguments": {"label_selector": "app=shop", "ns": chaos_run.namespace, "qty": 1},
    }
    method = [{"type": "action", "name": "kill", "provider": kill}, own("make_pod", name="leftover", ns="default")]
    outcome = played(chaos_run, tmp_path, method)
    assert outcome.code == 6
    assert [r.partition(" is")[0] for r in _undone(outcome)["residue"]] == ["pod default/leftover"]


def test_what_is_changed_or_gone_is_found_too(kube: Kube, chaos_run: ChaosRun, tmp_path: Path) -> None:
    kube.run("create", "configmap", "other", "-n", AWAY)
    method = [own("set_config", name="settings", ns=AWAY, value="after"), own("delete_config", name="other", ns=AWAY)]
    outcome = played(chaos_run, tmp_path, method)
    assert outcome.code == 6
    said = [r.partition(" (")[0] for r in _undone(outcome)["residue"]]
    assert said == [f"configmap {AWAY}/other is gone", f"configmap {AWAY}/settings is changed"]


def test_what_the_rollbacks_put_back_is_not_left(chaos_run: ChaosRun, tmp_path: Path) -> None:
    method = [own("make_pod", name="it", ns=AWAY), own("set_config", name="settings", ns=AWAY, value="after")]
    back = [
        own("delete_pod", name="it", ns=AWAY),
        own("set_config", "back", name="settings", ns=AWAY, value="before"),
    ]
    outcome = played(chaos_run, tmp_path, method, back)
    assert outcome.code == 0, outcome.stdout[-1500:]
    assert _undone(outcome)["put_back"] == "assumed"
    assert _undone(outcome)["sentence"].startswith("every undo step succeeded; not checked: actions of tests.fakes")


def test_kubectl_in_a_program_is_looked_at_too(kube: Kube, chaos_run: ChaosRun, tmp_path: Path) -> None:
    assert shutil.which(kube.kubectl)
    outcome = played(chaos_run, tmp_path, [program(f"{kube.kubectl} create service clusterip left --tcp=80 -n {AWAY}")])
    assert outcome.code == 6
    assert [r.partition(" (")[0] for r in _undone(outcome)["residue"]] == [f"service {AWAY}/left is new"]


def test_a_rollout_that_goes_on_is_not_left_behind(kube: Kube, chaos_run: ChaosRun, tmp_path: Path) -> None:
    outcome = played(chaos_run, tmp_path, [own("restart", name="shop", ns=kube.namespace)])
    assert _undone(outcome)["residue"] == []
    kube.run("rollout", "status", "deployment/shop", "-n", kube.namespace)


def test_what_others_do_is_not_blamed_on_stock_actions(kube: Kube, chaos_run: ChaosRun, tmp_path: Path) -> None:
    """The file names all that it touches: whatever else changes in its namespace was somebody else."""
    provider = {
        "type": "python",
        "module": "chaosk8s.pod.actions",
        "func": "terminate_pods",
        "arguments": {"label_selector": "app=shop", "ns": kube.namespace, "qty": 1},
    }
    kill = {"type": "action", "name": "kill", "provider": provider, "pauses": {"before": 2}}
    file = tmp_path / "own.json"
    document = {"title": "t", "description": "d", "method": [kill], "rollbacks": []}
    file.write_text(json.dumps(document))
    try:
        with chaos_run.running(file) as run:
            run.wait_for("baseline")
            kube.run("create", "configmap", "of-others", "-n", kube.namespace)
            outcome = run.finish()
    finally:
        kube.run("delete", "configmap", "of-others", "-n", kube.namespace, "--ignore-not-found")
    assert _undone(outcome)["residue"] == []
    assert _undone(outcome)["sentence"] == f"nothing had to be undone, {CLEAN}"
    said = f"changed during the run, but not by it: configmap {kube.namespace}/of-others is new"
    assert said in [f["message"] for f in outcome.named("finding")]
