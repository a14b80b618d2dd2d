"""The way back: drained, aborted, stopped or killed, the cluster is as it was."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.conftest import ROOT
from tests.cluster.kube import Kube, until
from tests.cluster.program import ChaosRun

NODE_DRAIN = ROOT / "experiments/node-drain.yaml"
CORDON = ROOT / "tests/cluster/experiments/cordon.yaml"
SCALE_UP = ROOT / "tests/cluster/experiments/scale-up.yaml"
OUTAGE = ROOT / "tests/cluster/experiments/outage.yaml"

LIFTED = """
rollbacks:
  - type: action
    name: lift
    provider:
      type: python
      module: chaosk8s.node.actions
      func: uncordon_node
      arguments: {label_selector: "topology.kubernetes.io/zone=${zone}"}
"""


def test_a_drained_zone_is_uncordoned_and_its_pods_live_elsewhere(
    kube: Kube, chaos_run: ChaosRun, short: Callable[..., Path]
) -> None:
    before = kube.snapshot()
    zone = kube.inhabited_zone()
    victims = {p["metadata"]["uid"] for p in kube.pods() if p["spec"]["nodeName"] in _zone(kube, zone)}
    file = short(NODE_DRAIN, "80%")
    file.write_text(file.read_text("utf-8").replace("target: 95%", "target: 80%"), "utf-8")  # one clump decides nothing
    outcome = chaos_run("run", file, "--json", SHOP_ZONE=zone)
    assert outcome.passed, outcome.stderr + outcome.stdout[-2000:]
    kube.wait_whole()
    assert victims
    assert victims.isdisjoint(kube.uids())
    assert kube.snapshot() == before


def test_a_guard_ends_an_outage_and_the_shop_comes_back(kube: Kube, chaos_run: ChaosRun) -> None:
    before = kube.snapshot()
    outcome = chaos_run("run", OUTAGE, "--json")
    assert outcome.code == 5, outcome.stderr + outcome.stdout[-2000:]
    abort, first_step = outcome.named("abort")[0], outcome.named("undo_step")[0]
    assert abort["by"] == "guard"
    assert first_step["t"] - abort["t"] < 15, "not at the end of the minute that the fault would last"
    assert outcome.named("undone")[0]["clean"] is True
    kube.wait_whole()
    assert kube.snapshot() == before


def test_stop_from_another_terminal_ends_the_run_and_puts_back(kube: Kube, chaos_run: ChaosRun) -> None:
    before = kube.snapshot()
    with chaos_run.running(CORDON) as run:
        run.wait_for("injected")
        assert kube.cordons() != before["cordons"]
        assert chaos_run("stop").code == 0
        outcome = run.finish()
    assert outcome.code == 5
    assert outcome.named("abort")[0]["by"] == "person"
    assert kube.snapshot() == before


@pytest.mark.parametrize("victim", ["parent", "worker", "undoer"])
def test_kill_9_of_the_runner_leaves_no_cordon(kube: Kube, chaos_run: ChaosRun, victim: str) -> None:
    before = kube.snapshot()
    with chaos_run.running(CORDON) as run:
        name = run.wait_for("injected")["run"]
        assert kube.cordons() != before["cordons"]
        os.kill(chaos_run.processes(name)[victim]["pid"], signal.SIGKILL)
        until(
            lambda: kube.cordons() == before["cordons"], 30, "the cordon to be taken back, and not by the fault's end"
        )
    assert chaos_run("recover").code == 0
    until(lambda: kube.snapshot() == before, 30, "nothing to be left, the lease neither")


def test_a_plain_file_with_empty_rollbacks_is_left_as_it_says_and_put_back_only_where_it_was_stopped(
    kube: Kube, chaos_run: ChaosRun, tmp_path: Path
) -> None:
    before, node = kube.cordons(), sorted(kube.cordons())[-1]
    cordon = {"type": "python", "module": "chaosk8s.node.actions", "func": "cordon_node", "arguments": {"name": node}}
    document = {
        "title": "cordoned for good",
        "description": "d",
        "method": [{"type": "action", "name": "cordon", "provider": cordon}],
        "rollbacks": [],
    }
    plain = tmp_path / "plain.json"
    plain.write_text(json.dumps(document))
    try:
        assert "skipped: uncordon node" in chaos_run("plan", plain).stdout
        outcome = chaos_run("run", plain, "--json")
        assert kube.cordons() != before
        assert outcome.named("undone")[0]["clean"] is False
        assert "the file has empty rollbacks" in outcome.named("undone")[0]["sentence"]
        assert "nothing is left behind" not in outcome.stdout
    finally:
        kube.run("uncordon", node)
    document["method"][0]["pauses"] = {"after": 60}
    plain.write_text(json.dumps(document))
    with chaos_run.running(plain) as run:
        run.wait_for("injected")
        assert kube.cordons() != before
        assert chaos_run("stop").code == 0
        run.finish()
    assert kube.cordons() == before, "a stop puts everything back"
    document["extensions"] = [{"name": "chaos-run", "service": "shop"}]
    document["method"][0].pop("pauses")
    plain.write_text(json.dumps(document))
    assert chaos_run("run", plain, "--json").named("undone")[0]["clean"] is True
    assert kube.cordons() == before, "with a block of ours it is `stays:` that would leave it"


def test_somebody_elses_cordon_stays_though_the_file_would_lift_it(
    kube: Kube, chaos_run: ChaosRun, tmp_path: Path
) -> None:
    node = _zone(kube, "zone-c")[0]
    brief = tmp_path / "brief.yaml"
    brief.write_text(
        CORDON.read_text("utf-8").replace("after: 60", "after: 1").replace("rollbacks: []", LIFTED), "utf-8"
    )
    kube.run("cordon", node)
    try:
        outcome = chaos_run("run", brief, "--json")
        assert kube.cordons()[node][0] is True
    finally:
        kube.run("uncordon", node)
    assert outcome.named("undone")[0]["clean"] is True
    assert "lift" not in [step["what"] for step in outcome.named("undo_step")]
    assert any(node in found and "cordoned before this run" in found for found in outcome.verdict["findings"])


def test_replicas_are_restored_without_a_declared_rollback(kube: Kube, chaos_run: ChaosRun) -> None:
    before = kube.snapshot()
    outcome = chaos_run("run", SCALE_UP, "--json")
    assert outcome.passed, outcome.stderr + outcome.stdout[-2000:]
    assert [s["state"] for s in outcome.named("undo_step") if s["what"].startswith("scale ")] == ["started", "undone"]
    assert kube.snapshot() == before


def test_what_somebody_else_changed_meanwhile_is_told_and_left_alone(kube: Kube, chaos_run: ChaosRun) -> None:
    node = _zone(kube, "zone-a")[0]
    try:
        with chaos_run.running(SCALE_UP) as run:
            run.wait_for("injected")
            kube.run("cordon", node)
            outcome = run.finish()
        assert kube.cordons()[node][0] is True
    finally:
        kube.run("uncordon", node)
    assert outcome.passed, outcome.stderr + outcome.stdout[-2000:]
    assert [f for f in outcome.verdict["findings"] if node in f and "but not by it" in f]


def test_a_drain_that_a_disruption_budget_forbids_says_so_and_leaves_no_cordon(
    kube: Kube, chaos_run: ChaosRun, short: Callable[..., Path]
) -> None:
    before, drain = kube.snapshot(), short(NODE_DRAIN, "10%")
    drain.write_text(drain.read_text("utf-8").replace("timeout: 60s", "timeout: 2s"), "utf-8")
    kube.run(
        "create", "poddisruptionbudget", "strict", "-n", kube.namespace, "--selector=app=shop", "--min-available=3"
    )
    kube.run("delete", "poddisruptionbudget", "shop", "-n", kube.namespace)
    try:
        outcome = chaos_run("run", drain, "--json", SHOP_ZONE=kube.inhabited_zone())
    finally:
        kube.run("delete", "poddisruptionbudget", "strict", "-n", kube.namespace)
        kube.run(
            "create", "poddisruptionbudget", "shop", "-n", kube.namespace, "--selector=app=shop", "--min-available=2"
        )
    assert outcome.code == 4, outcome.stderr + outcome.stdout[-2000:]
    assert "The disruption budget strict needs 3 healthy pods" in outcome.verdict["sentence"]
    assert kube.snapshot() == before


def test_kill_9_in_the_middle_of_a_drain_frees_the_node_that_nobody_has_reported_yet(
    kube: Kube, chaos_run: ChaosRun, short: Callable[..., Path]
) -> None:
    before, zone = kube.snapshot(), kube.inhabited_zone()
    (node,) = _zone(kube, zone)
    drain = short(NODE_DRAIN, "10%")
    drain.write_text(drain.read_text("utf-8").replace("default: zone-c", f"default: {zone}"), "utf-8")
    kube.run(
        "create", "poddisruptionbudget", "strict", "-n", kube.namespace, "--selector=app=shop", "--min-available=3"
    )
    kube.run("delete", "poddisruptionbudget", "shop", "-n", kube.namespace)
    try:
        with chaos_run.running(drain) as run:
            name = run.wait_for("run_started")["run"]
            until(lambda: kube.cordons()[node][0], 60, "the node to be cordoned, its pods still held by the budget")
            assert not run.has("injected")
            for victim in ("parent", "worker"):
                os.kill(chaos_run.processes(name)[victim]["pid"], signal.SIGKILL)
            until(lambda: kube.cordons() == before["cordons"], 15, "the cordon to be taken back")
    finally:
        kube.run("delete", "poddisruptionbudget", "strict", "-n", kube.namespace)
        kube.run(
            "create", "poddisruptionbudget", "shop", "-n", kube.namespace, "--selector=app=shop", "--min-available=2"
        )
    assert chaos_run("recover").code == 0
    until(lambda: kube.snapshot() == before, 30, "nothing to be left, the lease neither")


def _zone(kube: Kube, zone: str) -> list[str]:
    return [n["metadata"]["name"] for n in kube.get("nodes", "-l", f"topology.kubernetes.io/zone={zone}")]
