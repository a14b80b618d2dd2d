"""Nothing of an experiment leaves the cluster that was cleared: read in its words, and again when secrets and probes have spoken."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.engine.preflight import target_environment
from runner.engine.preflight.target_environment import Surroundings
from runner.experiment import load
from runner.undo.inspection import World
from tests.journeys.test_commands import chaos_run
from tests.rundir.starts import start

LAB = Surroundings(context="kind-lab", environment="sandbox", lifeline=-1)
TOLD = {"type": "probe", "name": "asked", "provider": {"type": "process", "path": "echo", "arguments": "kind-lab"}}


def document(arguments: Any, path: str = "true", **more: Any) -> dict[str, Any]:
    provider = {"type": "process", "path": path, "arguments": arguments}
    method = [{"type": "action", "name": "strike", "provider": provider}]
    return {"title": "t", "description": "d", "method": method, **more}


def read(folder: Path, tree: dict[str, Any]) -> Any:
    file = folder / "x.json"
    file.write_text(json.dumps(tree), "utf-8")
    return load.load(str(file), env=os.environ)


@pytest.mark.parametrize("text", ["kubectl $flags delete pod x", "-c 'kubectl ${flags} delete pod x'"])
def test_what_the_configuration_says_is_read_the_way_chaos_toolkit_does(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, document(text, configuration={"flags": "--kubeconfig /root/.kube/config"}))
    with pytest.raises(errors.Refused) as refused:
        target_environment.require_cleared(LAB, found)
    assert refused.value.reasons == (
        "true would reach another cluster than the cleared one: --kubeconfig /root/.kube/config",
    )


@pytest.mark.parametrize("ctx", ["kind-lab", TOLD], ids=["said", "asked of a probe"])
def test_the_cleared_context_by_another_name_is_right(tmp_path: Path, ctx: Any) -> None:
    found = read(tmp_path, document("kubectl --context $ctx get pods", configuration={"ctx": ctx}))
    target_environment.require_cleared(LAB, found)
    assert target_environment.depends_on_later_values(found) is isinstance(ctx, dict), (
        "a probe may still say something else"
    )


@pytest.mark.parametrize(("said", "reasons"), [("--output json", 0), ("--context prod-eu", 1)])
def test_what_a_probe_and_a_secret_say_is_judged_when_it_is_known(said: str, reasons: int) -> None:
    tree = document("kubectl $flags get pods", configuration={"flags": TOLD})
    refused = World(start(document=tree, configuration={"flags": said})).inspect().refused
    assert len(refused) == reasons
    assert not any(said in reason for reason in refused), "it may be a secret"


def test_a_secret_that_leads_to_a_cluster_is_refused_before_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAGS", "--kubeconfig /hidden/config")
    struck = tmp_path / "struck"
    provider = {"type": "process", "path": sys.executable, "arguments": f'-c \'open("{struck}", "w")\' kubectl $flags'}
    tree = document("", secrets={"k": {"flags": {"type": "env", "key": "FLAGS"}}}, rollbacks=[])
    tree["method"][0]["provider"] = provider | {"secrets": ["k"]}
    file = tmp_path / "x.json"
    file.write_text(json.dumps(tree), "utf-8")
    run = chaos_run("run", str(file), "--no-cluster")
    assert run.returncode == 3, run.stderr
    assert (
        "would reach another cluster than the cleared one, by --kubeconfig; the value comes from a secret" in run.stderr
    )
    assert "/hidden/config" not in run.stderr + run.stdout
    assert not struck.exists()
