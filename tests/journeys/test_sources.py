"""Runs judged by the team's own monitoring: it guards, it judges, it is kept; and where it says nothing, nothing is good."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.engine import again
from runner.timeline.record import from_json
from tests.fakes.prometheus import Prometheus, serving
from tests.journeys.harness import Json, Run, Service, experiment, http, record, started

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
    assert objective(run)["total"] == pytest.approx(100 * (run.verdict["t"] - run.named("injected")[0]["t"]), rel=0.25)
    assert any("of its error budget of 30 days already spent" in f["message"] for f in run.named("finding"))
    lines = [json.loads(line) for line in (run.folder / "checkout.counts.jsonl").read_text().splitlines()]
    assert lines[0]["how"] == "counters, differenced here reading by reading"
    assert sum(line["total"] for line in lines[1:]) > objective(run)["total"]
    assert "bad events" in (run.folder / "report.html").read_text()
    kept = from_json(record(run))
    assert again.judge(kept) == kept


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
    with started(tmp_path, judged_by(team, service, tmp_path, 1)) as run:
        run.until("phase", phase="baseline")
        time.sleep(0.5)
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


def test_its_secret_is_shown_to_the_source_and_to_nobody_else(
    team: Prometheus, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"name": "team", "prometheus": team.url, "interval": "200ms", "secrets": "monitoring"}
    made = judged_by(team, service, tmp_path, 0.5, sources=[source])
    made["secrets"] = {"monitoring": {"token": {"type": "env", "key": "TEAM_TOKEN"}}}
    monkeypatch.setenv("TEAM_TOKEN", "tok3n-of-the-team")
    with started(tmp_path, made) as run:
        assert run.finish() == 0
    assert team.heads[0]["Authorization"] == "Bearer tok3n-of-the-team"
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and b"tok3n-of-the-team" in path.read_bytes()]
    assert kept == []
