"""`chaos-run catalog`: a fault once, its tools below it, and what keeps each from running here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.cli import main
from runner.faults import needs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "TOXIPROXY_URL", "GREMLIN_API_KEY", "GREMLIN_TEAM_ID"):
        monkeypatch.delenv(name, raising=False)
    needs._look.cache_clear()
    needs._groups.cache_clear()


def catalog(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main.entry(["catalog", *arguments], main.app, "chaos-run") == 0
    return capsys.readouterr().out


def test_the_list_names_every_file_and_says_whether_it_can_run_here(capsys: pytest.CaptureFixture[str]) -> None:
    told = catalog(capsys)
    lines = told.splitlines()
    for path in (ROOT / "experiments").glob("*.yaml"):
        assert [line for line in lines if line.split()[:1] == [path.stem]], path.name
    (pod_kill,) = [line for line in lines if line.split()[:1] == ["pod-kill"]]
    assert pod_kill.endswith("with --playground")
    (mesh,) = [line for line in lines if line.split()[:1] == ["pod-kill.chaos-mesh"]]
    assert mesh.endswith("cannot run here")
    assert f"missing: {needs.NO_CLUSTER}"[:60] in told
    assert "dose: latency_ms 200 ms (safe start 100, at most 500)" in told
    assert max(map(len, lines[:-2])) <= 80


def test_one_fault_shows_what_it_touches_how_it_was_proven_and_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    told = catalog(capsys, "pod-kill.litmus")
    assert "touches: as many pods of the shop as the dose says" in told
    assert "proven: not seen on a real system" in told
    assert "experiments/pod-kill.litmus.yaml" in told.replace("\n", "").replace(" ", "")
    assert "pod-kill.chaos-mesh" not in told


def test_a_name_that_is_none_is_an_error_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.entry(["catalog", "pod-kil"], main.app, "chaos-run") == 2
    assert "the catalogue has no 'pod-kil'" in (said := capsys.readouterr().err)
    assert "pod-kill" in said


def test_the_json_says_what_is_lacking(capsys: pytest.CaptureFixture[str]) -> None:
    found = {entry["name"]: entry for entry in json.loads(catalog(capsys, "network-latency", "--json"))}
    assert found["network-latency.gremlin"]["lacking"] == ["GREMLIN_API_KEY is not set", "GREMLIN_TEAM_ID is not set"]
