"""The five success figures: what was run, what it cost users, what it found, and against which goal."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from runner.cli.main import app, entry
from runner.store import Store
from tests.store.samples import record

NOW = datetime.now(UTC)


def chaos_run(*arguments: str) -> int:
    return entry(arguments, app, "chaos-run")


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Two quarters: six slow recoveries, then six fast ones of which one run failed; and something old."""
    path = str(tmp_path / "record.db")
    (availability, *_) = record("x").objectives
    with Store.open(path) as opened:
        for number in range(12):
            fails = number == 11
            run = record(
                f"run-{number}",
                started=NOW - timedelta(days=100 - number) if number < 6 else NOW - timedelta(days=20 - number),
                ttr_s=100.0 + number if number < 6 else 50.0 + number,
                ttr_censored=False,
                verdict="FAIL" if fails else "PASS",
                objectives=(
                    replace(availability, verdict="FAIL" if fails else "PASS", bad=30 if fails else 0, total=1000),
                ),
            )
            opened.save(run, [])
        opened.save(record("old", experiment="drain.yaml", started=NOW - timedelta(days=200)), [])
        opened.save(record("blind", experiment="dry.yaml", started=NOW, marks=()), [])
    return path


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, object]]:
    assert chaos_run("metrics", "--json", *arguments) == 0
    found = json.loads(capsys.readouterr().out)
    return {figure["name"]: figure for figure in found["success"]}


def test_the_five_figures_of_the_last_quarter(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    seen = figures(capsys, "--store", store)
    assert seen["experiments a month"]["value"] == pytest.approx(6 / 90 * 30.4375)
    assert seen["experiments a month"]["met"] is False
    assert seen["service continuity"]["value"] == pytest.approx(1 - 30 / 6000)
    assert seen["service continuity"]["met"] is True
    assert seen["unknown faults found"]["said"] == "1: pod-kill on shop"
    assert seen["SLO attainment"]["value"] == pytest.approx(5 / 6)
    assert seen["SLO attainment"]["met"] is False
    gain = seen["MTTR improvement"]["value"]
    assert isinstance(gain, float)
    assert 0.4 < gain < 0.5
    assert "faster" in str(seen["MTTR improvement"]["said"])


def test_a_team_has_goals_of_its_own(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    goals = tmp_path / "goals.yaml"
    goals.write_text("experiments_per_month: 2\ncontinuity: 99.9%\nslo_attainment: null\nmttr_improvement: 20%\n")
    seen = figures(capsys, "--store", store, "--goals", str(goals))
    assert [figure["met"] for figure in seen.values()] == [True, False, None, True, None]


def test_a_wrong_goal_is_placed_and_hinted(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    goals = tmp_path / "goals.yaml"
    goals.write_text("continuty: 99%\n")
    assert chaos_run("metrics", "--store", store, "--goals", str(goals)) == 2
    said = capsys.readouterr().err
    assert f"{goals}:1:1" in said
    assert "continuity" in said


def test_for_people_the_figures_stand_beside_their_goals_and_the_untested_are_named(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chaos_run("metrics", "--store", store) == 0
    out = capsys.readouterr().out
    assert "NOT MET" in out
    late = out.partition("Untested for a quarter")[2]
    assert "drain" in late
    assert "200 days" in late
    assert "dry" not in late, "a run that injected nothing tested nothing"


def test_an_empty_record_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = figures(capsys, "--store", str(tmp_path / "empty.db"))
    assert seen["service continuity"]["value"] is None
    assert seen["SLO attainment"]["met"] is None


def test_the_plot_has_a_dot_for_every_run_and_an_arrow_for_every_bound(store: str, tmp_path: Path) -> None:
    with Store.open(store) as opened:
        opened.save(record("never", started=NOW, ttr_s=70.0, ttr_censored=True), [])
    picture = tmp_path / "dots.svg"
    assert chaos_run("metrics", "--store", store, "--plot", str(picture)) == 0
    drawn = ET.fromstring(picture.read_text())
    shapes = [element.tag.rpartition("}")[2] for element in drawn.iter()]
    with Store.open(store) as opened:
        values = [v for run in opened.values() for v in (run.ttd_s, run.ttr_s) if v is not None]
    assert shapes.count("circle") == len(values) + len(("TTD", "TTR"))
    assert shapes.count("path") == 1
    assert "all experiments" not in picture.read_text()


def test_a_plot_of_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "dots.svg"
    assert chaos_run("metrics", "--store", str(tmp_path / "empty.db"), "--plot", str(picture)) == 2
    assert "nothing to draw" in capsys.readouterr().err
    assert not picture.exists()
