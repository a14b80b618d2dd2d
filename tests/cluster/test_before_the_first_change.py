"""What must not change anything: a plan, an unknown context, a target that another run has."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.conftest import ROOT
from tests.cluster.kube import Kube
from tests.cluster.program import ChaosRun

POD_KILL = ROOT / "experiments/pod-kill.yaml"
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
