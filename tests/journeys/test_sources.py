"""Runs judged by the team's own monitoring: it guards, it judges, it is kept; and where it says nothing, nothing is good."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.cli import main
from runner.engine.conclude import rejudge
from runner.timeline.record import from_json
from tests.fakes import vault
from tests.fakes.prometheus import Prometheus, serving
from tests.journeys.harness import Json, Run, Service, experiment, http, record, started
from tests.waiting import until

TOKEN = "tok3n-of-the-team"
SLO: Json = {
    "apiVersion": "openslo/v1",
    "kind": "SLO",
    "metadata": {"name": "checkout"},
    "spec": {
        "service": "shop",
        "indicator": {
            "metadata": {"name": "errors"},
            "spec": {
                "ratioMetric": {
                    "counter": True,
                    "bad": {"metricSource": {"type": "Prometheus", "spec": {"query": "errors_total"}}},
                    "total": {"metricSource": {"type": "Prometheus", "spec": {"query": "requests_total"}}},
                }
            },
        },
        "budgetingMethod": "Occurrences",
        "timeWindow": [{"duration": "30d", "isRolling": True}],
        "objectives": [{"target": 0.9}],
    },
}


@pytest.fixture
def team() -> Iterator[Prometheus]:
    with serving(Prometheus()) as fake:
        yield fake


def judged_by(team: Prometheus, service: Service, folder: Path, pause: float, **block: Any) -> Json:
    """An experiment without traffic of ours: the source alone knows how users fare."""
    (folder / "slo.yaml").write_text(json.dumps(SLO))
    ours = {
        "traffic": None,
        "sources": [{"name": "team", "prometheus": team.url, "interval": "200ms"}],
        "objectives": [{"openslo": str(folder / "slo.yaml"), "source": "team"}],
        "windows": {"baseline": "2s", "recovery": "10s", "stable": "1s"},
    } | block
    return experiment(service, method=[http("break", "/break", pauses={"after": pause})], **ours)


def objective(run: Run) -> Json:
    found: Json = run.verdict["objectives"][0]
    return found


def test_a_run_that_users_do_not_feel_passes_by_the_team_s_own_counters(
    team: Prometheus, service: Service, tmp_path: Path
) -> None:
    with started(tmp_path, judged_by(team, service, tmp_path, 1)) as run:
        assert run.finish() == 0
    assert objective(run)["name"] == "checkout"
    kept = record(run)
    began = next(m["mono_ns"] for m in kept["marks"] if m["name"] == "injected")
    judged_s = (kept["windows"][-1]["end_ns"] - began) / 1e9  # to conclude takes a while more
    assert objective(run)["total"] == pytest.approx(100 * judged_s, rel=0.25)
    assert any("of its error budget of 30 days already spent" in f["message"] for f in run.named("finding"))
    lines = [json.loads(line) for line in (run.folder / "checkout.counts.jsonl").read_text().splitlines()]
    assert lines[0]["how"] == "counters, differenced here reading by reading"
    assert sum(line["total"] for line in lines[1:]) > objective(run)["total"]
    assert "bad events" in (run.folder / "report.html").read_text()
    again = from_json(kept)
    assert rejudge.judge(again) == again


def whole(folder: Path) -> Path:
    """A document that brings everything along: where it is measured, its slices, its calendar and whom to alert."""
    condition = {"kind": "burnrate", "op": "gt", "threshold": 2, "lookbackWindow": "1m"}
    inline = {"kind": "AlertCondition", "metadata": {"name": "c"}, "spec": {"severity": "page", "condition": condition}}
    slo = json.loads(json.dumps(SLO))
    slo["metadata"]["annotations"] = {"chaos-run/time-slice-window": "500ms"}
    for part in ("bad", "total"):
        slo["spec"]["indicator"]["spec"]["ratioMetric"][part]["metricSource"]["metricSourceRef"] = "prom"
    slo["spec"] |= {
        "budgetingMethod": "Timeslices",
        "objectives": [{"target": 0.4, "timeSliceTarget": 0.95, "timeSliceWindow": "1m"}],
        "timeWindow": [
            {"duration": "1Y", "calendar": {"startTime": "2020-01-01 00:00:00", "timeZone": "Europe/Berlin"}}
        ],
        "alertPolicies": [{"kind": "AlertPolicy", "metadata": {"name": "p"}, "spec": {"conditions": [inline]}}],
    }
    there = {"type": "Prometheus", "connectionDetails": {"url": "http://127.0.0.1:1"}}  # ours wins
    source = {"apiVersion": "openslo/v1", "kind": "DataSource", "metadata": {"name": "prom"}, "spec": there}
    (folder / "whole.json").write_text(json.dumps([source, slo]))
    return folder / "whole.json"


def test_a_document_that_brings_everything_along_is_judged_by_its_slices_live_and_again(
    team: Prometheus, service: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    document = whole(tmp_path)
    ours = [{"name": "prom", "prometheus": team.url, "interval": "200ms"}]
    made = judged_by(team, service, tmp_path, 3, sources=ours, objectives=[{"openslo": str(document)}],
                     abort=[{"alert_policies": "checkout"}, {"duration": "60s"}], windows={"baseline": "2s", "stable": "1s"})  # fmt: skip
    with started(tmp_path, made) as run:
        run.until("injected")
        time.sleep(0.5)
        team.bad_since = time.time()
        time.sleep(1)
        team.errors_until = time.time()
        code = run.finish()
    judged = objective(run)
    assert (judged["slice_s"], judged["slice_target"], code) == (
        0.5,
        0.95,
        {"PASS": 0, "INCONCLUSIVE": 4}[judged["verdict"]],
    )
    assert judged["total"] >= 4, "a slice that a busy machine left without a reading does not count"
    assert 1 <= judged["bad"] <= 4
    told = [f["message"] for f in run.named("finding")]
    assert any("of the window that began at 20" in m and "-01-01 00:00 Europe/Berlin" in m for m in told), told
    assert any("its budget burns more than 2x over 1m" in g for g in record(run)["environment"]["guards"])
    kept = from_json(record(run))
    assert rejudge.judge(kept) == kept
    assert main.entry(["judge", "last", "--slo", str(document), "--json"], main.app, "chaos-run") == code
    assert from_json(json.loads(capfd.readouterr().out)).objectives == kept.objectives


def test_a_guard_on_the_team_s_counters_stops_the_run(team: Prometheus, service: Service, tmp_path: Path) -> None:
    abort = [{"burn_rate": {"objective": "checkout", "above": 3, "long": "4s"}}, {"duration": "60s"}]
    with started(tmp_path, judged_by(team, service, tmp_path, 20, abort=abort)) as run:
        run.until("injected")
        team.bad_since = time.time()
        run.until("breach", rule="burn_rate")
        team.bad_since = None
        assert run.finish() == 5
    assert not service.broken


def test_a_source_that_fails_in_the_run_is_no_data_and_stops_it(
    team: Prometheus, service: Service, tmp_path: Path
) -> None:
    abort = [{"no_data": {"after": "2s"}}, {"duration": "60s"}]
    with started(tmp_path, judged_by(team, service, tmp_path, 20, abort=abort)) as run:
        run.until("injected")
        team.answer = lambda *_: (503, "")
        breach = run.until("breach", rule="no_data")
        team.answer = team.counters
        assert run.finish() == 5
    assert "team: it answered HTTP 503" in breach["sentence"]
    assert not service.broken


def test_a_source_that_falls_silent_in_the_baseline_injects_nothing(
    team: Prometheus, service: Service, tmp_path: Path
) -> None:
    windows = {"baseline": "3s", "recovery": "10s", "stable": "1s"}
    with started(tmp_path, judged_by(team, service, tmp_path, 1, windows=windows)) as run:
        run.until("phase", phase="baseline")
        before = len(team.asked)
        until(lambda: len(team.asked) > before, "it is asked in the baseline")
        team.answer = lambda *_: (503, "")
        assert run.finish() == 4
    assert "checkout: no data, team: it answered HTTP 503" in run.verdict["sentence"]
    assert "/break" not in service.get("/log")


@pytest.mark.parametrize("answer", [(503, ""), (401, ""), None])
def test_a_source_that_cannot_be_asked_at_the_start_is_an_error_and_nothing_is_injected(
    answer: tuple[int, str] | None, team: Prometheus, service: Service, tmp_path: Path
) -> None:
    team.answer = lambda *_: answer
    with started(tmp_path, judged_by(team, service, tmp_path, 1)) as run:
        assert run.finish() == 7
    assert "/break" not in service.get("/log")


def with_secret(team: Prometheus, service: Service, folder: Path, entry: Json, **configuration: str) -> Json:
    source = {"name": "team", "prometheus": team.url, "interval": "200ms", "secrets": "monitoring"}
    made = judged_by(team, service, folder, 0.5, sources=[source])
    made["secrets"] = {"monitoring": {"token": entry}}
    made["configuration"] |= configuration
    return made


@contextlib.contextmanager
def kept(place: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Json, dict[str, str]]]:
    """A token in the environment or in a vault: how an experiment refers to it, and the configuration for that."""
    if place == "environment":
        monkeypatch.setenv("TEAM_TOKEN", TOKEN)
        yield {"type": "env", "key": "TEAM_TOKEN"}, {}
        return
    pytest.importorskip("hvac", reason="the extra vault is not installed")
    with vault.serving("monitoring", {"prometheus": TOKEN}, "let-me-in") as url:
        yield (
            {"type": "vault", "path": "monitoring", "key": "prometheus"},
            {"vault_addr": url, "vault_token": "let-me-in"},
        )


@pytest.mark.parametrize("place", ["environment", "vault"])
def test_its_secret_is_shown_to_the_source_and_to_nobody_else(
    place: str, team: Prometheus, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept(place, monkeypatch) as (entry, configuration):
        made = with_secret(team, service, tmp_path, entry, **configuration)
        with started(tmp_path, made) as run:
            assert run.finish() == 0
    assert team.heads[0]["Authorization"] == f"Bearer {TOKEN}"
    assert [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()] == []


def test_a_vault_that_does_not_give_it_injects_nothing(team: Prometheus, service: Service, tmp_path: Path) -> None:
    pytest.importorskip("hvac", reason="the extra vault is not installed")
    with vault.serving("monitoring", {"prometheus": TOKEN}, "let-me-in") as url:
        entry = {"type": "vault", "path": "monitoring", "key": "prometheus"}
        made = with_secret(team, service, tmp_path, entry, vault_addr=url, vault_token="not-that-one")
        with started(tmp_path, made) as run:
            assert run.finish() == 7
            assert "permission denied" in run.stderr()
    assert team.asked == []
    assert "/break" not in service.get("/log")
