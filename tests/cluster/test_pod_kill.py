"""Pod-kill, the main job: with three replicas nobody notices, with one everybody does."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.conftest import ROOT
from tests.cluster.kube import Kube
from tests.cluster.program import ChaosRun

FILE = ROOT / "experiments/pod-kill.yaml"
TOLD = ["run_started", "baseline", "injected", "effective", "undo_started", "undone", "recovered", "verdict"]


@contextmanager
def _one_that_takes_its_time(kube: Kube) -> Iterator[None]:
    """One replica that, as a service of size does, needs seconds to boot: here it can be back within a single slice, a clump."""

    def boots_in(seconds: int) -> None:
        slow = {"name": "shop", "readinessProbe": {"initialDelaySeconds": seconds}}
        patch = {"spec": {"replicas": 1, "template": {"spec": {"containers": [slow]}}}}
        kube.run("patch", "deployment", "shop", "-n", kube.namespace, "--patch", json.dumps(patch))
        kube.wait_whole()

    boots_in(3)
    try:
        yield
    finally:
        boots_in(0)


def test_with_three_replicas_a_killed_pod_goes_unnoticed(kube: Kube, chaos_run: ChaosRun, tmp_path: Path) -> None:
    # Of newcomers some are refused until the proxies know that the pod is gone: one clump, which 99 % leaves undecided.
    file = tmp_path / "pod-kill.yaml"
    file.write_text(FILE.read_text("utf-8").replace("target: 99%", "target: 95%"), "utf-8")
    before, pods = kube.snapshot(), kube.uids()
    outcome = chaos_run("run", file, "--json")
    assert outcome.passed, outcome.stderr + outcome.stdout[-2000:]
    if outcome.code == 0:  # a prober that was starved is all that the sentence is about
        assert outcome.verdict["verdict"] == "PASS"
        assert outcome.verdict["sentence"].endswith("the hypothesis held before and after")
    kube.wait_whole()
    gone = [name for uid, name in pods.items() if uid not in kube.uids()]
    assert len(gone) == 1
    assert [target.split("/")[-1] for target in outcome.verdict["targets"]] == gone
    assert list(dict.fromkeys(e["event"] for e in outcome.events if e["event"] in TOLD)) == TOLD
    assert kube.snapshot() == before


def test_with_one_replica_the_objective_is_breached(
    kube: Kube, chaos_run: ChaosRun, short: Callable[..., Path]
) -> None:
    with _one_that_takes_its_time(kube):
        before, pods = kube.snapshot(), kube.uids()
        outcome = chaos_run("run", short(FILE), "--json")
        kube.wait_whole()
        assert kube.uids().keys().isdisjoint(pods)
        assert kube.snapshot() == before
    assert outcome.code == 1, outcome.stderr + outcome.stdout[-2000:]
    availability = next(o for o in outcome.verdict["objectives"] if o["name"] == "availability")
    assert (outcome.verdict["verdict"], availability["verdict"]) == ("FAIL", "FAIL")
    assert "\n" not in outcome.verdict["sentence"]


def test_the_gate_writes_one_case_for_the_hypothesis_and_each_objective(
    kube: Kube, chaos_run: ChaosRun, short: Callable[..., Path], tmp_path: Path
) -> None:
    before = kube.snapshot()
    junit, summary = tmp_path / "junit.xml", tmp_path / "summary.md"
    outcome = chaos_run("gate", short(FILE, "95%"), "--junit", junit, "--summary", summary)
    # A busy machine may starve the prober: then the gate says so (4), in the same cases.
    verdict = {0: "PASS", 4: "INCONCLUSIVE"}.get(outcome.code)
    assert verdict, outcome.stderr + outcome.stdout[-2000:]
    assert verdict == "PASS" or "the prober was starved" in outcome.stdout, outcome.stdout[-2000:]
    cases = [case.get("name", "") for case in ET.parse(junit).getroot().iter("testcase")]
    assert len(cases) >= 3
    assert {"availability", "latency"} <= {word for name in cases for word in name.replace(":", " ").split()}
    assert verdict in summary.read_text("utf-8")
    assert kube.snapshot() == before
