"""compare says of two runs on record what chance explains, for people and for programs."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from runner.cli.main import app, entry
from runner.store import Store
from tests.store.samples import BEGAN, record


def chaos_run(*arguments: str) -> int:
    return entry(arguments, app, "chaos-run")


@pytest.fixture
def store(tmp_path: Path) -> str:
    path = str(tmp_path / "record.db")
    with Store.open(path) as opened:
        for day, ttr in enumerate((2.0, 6.5, 3.0)):
            opened.save(record(f"2026112{day}-120000-aaaa", started=BEGAN + timedelta(days=day), ttr_s=ttr), [])
        opened.save(record("20261101-000000-bbbb", experiment="drain.yaml", ttr_s=99.0), [])
    return path


def test_two_runs_stand_side_by_side_with_the_others_of_their_experiment(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chaos_run("compare", "20261120", "20261121", "--store", store) == 0
    out = capsys.readouterr().out
    assert "20261120-120000-aaaa             20261121-120000-aaaa" in out
    assert "1 other run: 3s" in " ".join(out.split())
    assert "cannot be told from chance" in out
    assert "\x1b" not in out


def test_the_second_run_is_the_latest_unless_it_is_named(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("compare", "20261120", "--json", "--store", store) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["a"]["run"], found["b"]["run"]) == ("20261120-120000-aaaa", "20261122-120000-aaaa")
    assert found["objectives"][0]["difference"]["beyond_chance"] is False


def test_runs_of_other_experiments_are_no_measure(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("compare", "20261120", "20261101", "--store", store) == 0
    assert "other run" not in capsys.readouterr().out


def test_a_run_is_not_compared_with_itself(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("compare", "last", "last", "--store", store) == 2
    assert "are the same run" in capsys.readouterr().err
