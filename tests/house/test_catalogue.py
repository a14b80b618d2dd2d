"""The catalogue: every shipped experiment says what it needs, touches and proves, and all tools of one fault are judged alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runner.experiment import dosing, load
from runner.experiment.experiment import Experiment

FOLDER = Path(__file__).resolve().parents[2] / "experiments"
FILES = sorted(FOLDER.glob("*.yaml"))
FAULTS = {
    *("pod-kill", "node-drain", "zone-failure", "disk-full"),
    *("network-latency", "packet-loss", "bandwidth-limit", "dns-failure", "dns-delay"),
    *("cpu-stress", "memory-oom", "api-errors", "database-latency"),
    *("canary-zone-outage", "canary-dependency-delay", "canary-database-connections"),
}
"""Four of infrastructure, of network (DNS in two ways) and of application, and three that a canary in production may bear."""
UNDOSED = {"node-drain", "zone-failure", "canary-zone-outage", "dns-failure"}
"""What is struck there or it is not."""


def fault(path: Path) -> str:
    return path.name.partition(".")[0]


@pytest.fixture(autouse=True)
def _no_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(("SHOP_", "TOXIPROXY")) or name in ("KUBECONFIG", "LATENCY_MS"):
            monkeypatch.delenv(name)


def read(path: Path) -> Experiment:
    return load.load(str(path))


def test_the_folder_is_the_catalogue() -> None:
    assert {fault(path) for path in FILES} == FAULTS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_experiment_says_what_it_needs_touches_and_proves(path: Path) -> None:
    found = read(path)
    facts = found.block.catalogue
    assert facts is not None
    assert facts.tool
    assert facts.touches
    assert facts.alert
    assert facts.proven
    assert found.has_hypothesis
    assert found.block.objectives
    assert any(rule.duration for rule in found.block.abort), "nothing ends it for sure"
    assert "rollbacks" in found.document


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_dose_is_allowed_where_it_starts_and_as_it_is_set(path: Path) -> None:
    found = read(path)
    assert found.block.dose or fault(path) in UNDOSED
    for dose in found.block.dose:
        value = dosing.amount(dose, found.configuration)
        assert value is not None
        assert dose.allows(dose.start)
        assert dose.allows(value)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_all_tools_of_a_fault_should_raise_one_alert_and_are_stronger_with_more_or_with_less_of_it(name: str) -> None:
    found = [read(path).block for path in FILES if fault(path) == name]
    assert len({block.catalogue and block.catalogue.alert for block in found}) == 1
    doses = [dose for block in found for dose in block.dose]
    assert len({dose.max > dose.start for dose in doses}) <= 1


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_all_tools_of_a_fault_are_judged_alike_by_the_same_traffic_and_stopped_alike(name: str) -> None:
    """The same defect must not pass with one tool and fail with another: not by what is measured, when, how long, or what ends it."""

    def judged(path: Path) -> dict[str, Any]:
        found = read(path)
        block, probes = found.block, {a.get("name"): a for a in found.document["method"]}
        return {
            "title": found.title,
            "hypothesis": found.document["steady-state-hypothesis"],
            "asked during": block.hypothesis,
            "objectives": block.objectives,
            "traffic": block.traffic,
            "windows": block.windows,
            "abort": block.abort,
            "expect": block.expect,
            "waits": [(probes[wait.probe], wait.within, wait.every) for wait in block.wait_for],
            "phase": block.catalogue and block.catalogue.phase,
            "risk": block.risk,
        }

    family = [path for path in FILES if fault(path) == name]
    first, *others = map(judged, family)
    told = {
        path.name: [key for key in first if other[key] != first[key]]
        for path, other in zip(family[1:], others, strict=True)
    }
    assert not any(told.values()), f"not as in {family[0].name}: {told}"
