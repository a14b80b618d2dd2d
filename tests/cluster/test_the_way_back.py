"""The way back: drained, aborted, stopped or killed, the cluster is as it was."""

from __future__ import annotations

from tests.cluster.conftest import ROOT
from tests.cluster.kube import Kube, until
from tests.cluster.program import ChaosRun

NODE_DRAIN = ROOT / "experiments/node-drain.yaml"
CORDON = ROOT / "tests/cluster/experiments/cordon.yaml"
OUTAGE = ROOT / "tests/cluster/experiments/outage.yaml"


def test_a_drained_zone_is_uncordoned_and_its_pods_live_elsewhere(kube: Kube, chaos_run: ChaosRun) -> None:
    before = kube.snapshot()
    victims = {p["metadata"]["uid"] for p in kube.pods() if p["spec"]["nodeName"] in _zone(kube, "zone-b")}
    outcome = chaos_run("run", NODE_DRAIN, "--json", SHOP_ZONE="zone-b")
    assert outcome.code == 0, outcome.stderr + outcome.stdout[-2000:]
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
    assert first_step["t"] - abort["t"] < 1.0
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


def test_kill_9_of_the_runner_leaves_no_cordon_after_five_seconds(kube: Kube, chaos_run: ChaosRun) -> None:
    before = kube.snapshot()
    with chaos_run.running(CORDON) as run:
        run.wait_for("injected")
        assert kube.cordons() != before["cordons"]
        run.kill()
        until(lambda: kube.cordons() == before["cordons"], 5, "the cordon to be taken back")
    assert chaos_run("recover").code == 0
    until(lambda: kube.snapshot() == before, 5, "nothing to be left, the lease neither")


def test_somebody_elses_cordon_stays(kube: Kube, chaos_run: ChaosRun) -> None:
    node = _zone(kube, "zone-c")[0]
    kube.run("cordon", node)
    try:
        with chaos_run.running(CORDON) as run:
            run.wait_for("injected")
            chaos_run("stop")
            run.finish()
        assert kube.cordons()[node][0] is True
    finally:
        kube.run("uncordon", node)


def _zone(kube: Kube, zone: str) -> list[str]:
    return [n["metadata"]["name"] for n in kube.get("nodes", "-l", f"topology.kubernetes.io/zone={zone}")]
