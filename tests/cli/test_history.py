"""history, show and metrics say what is on record, for people and for programs."""

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
        for day in range(7):
            run = record(
                f"2026112{day}-120000-aaaa",
                started=BEGAN + timedelta(days=day),
                ttd_s=float(day + 1),
                ttd_censored=day == 6,
                ttr_s=None,
                verdict="FAIL" if day == 6 else "PASS",
            )
            opened.save(run, [{"event": "phase", "at": "x", "t": 1.0, "phase": "inject"}])
        drain = record(
            "20261101-000000-bbbb", experiment="drain.yaml", started=BEGAN - timedelta(days=9), labels={"a": "b"}
        )
        opened.save(drain, [])
    return path


def test_history_lists_the_latest_first_without_colours_in_a_pipe(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chaos_run("history", "--store", store, "--limit", "2") == 0
    out = capsys.readouterr().out
    head, first, second = out.splitlines()
    assert head.split() == ["RUN", "STARTED", "VERDICT", "SERVICE", "EXPERIMENT", "TTD", "TTR"]
    assert first.startswith("20261126-120000-aaaa")
    assert "≥ 7s" in first
    assert second.startswith("20261125-120000-aaaa")
    assert "\x1b" not in out


def test_history_as_json_has_every_field(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("history", "--store", store, "--verdict", "fail", "--json") == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert (run["run"], run["ttd_s"], run["ttd_censored"]) == ("20261126-120000-aaaa", 7.0, True)


def test_history_since_a_day_or_an_age(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("history", "--store", store, "--since", "2026-11-26", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 5
    assert chaos_run("history", "--store", store, "--since", "someday") == 2


def test_show_tells_the_run_on_one_screen(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("show", "20261126", "--store", store) == 0
    out = capsys.readouterr().out
    for expected in ("The shop survives a killed pod", "TTD         ≥ 7s", "pod/a, pod/b", "its UID changed", "delete it",
                     "node n1 is cordoned", "few requests"):  # fmt: skip
        assert expected in out


def test_show_as_json_is_the_record_and_its_events_are_lines(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("show", "20261126", "--store", store, "--json") == 0
    assert json.loads(capsys.readouterr().out)["faults"][0]["targets"] == ["pod/a", "pod/b"]
    assert chaos_run("show", "20261126", "--store", store, "--json", "--events") == 0
    assert json.loads(capsys.readouterr().out)["phase"] == "inject"


def test_an_unknown_run_is_one_sentence_and_exit_code_2(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("show", "nothing", "--store", store) == 2
    assert capsys.readouterr().err.splitlines()[0] == "error: there is no run nothing on record"


def test_metrics_compare_an_experiment_only_with_itself(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("metrics", "--store", store, "--json") == 0
    groups = {group["experiment"]: group for group in json.loads(capsys.readouterr().out)["experiments"]}
    assert set(groups) == {"pod-kill on shop", "drain on shop", "all experiments"}
    ttd = groups["pod-kill on shop"]["ttd"]
    assert (ttd["n"], ttd["censored"], ttd["median"]) == (7, 1, {"seconds": 4.0, "at_least": False})
    assert ttd["mean"] == {"seconds": 4.0, "at_least": True}
    assert [value["seconds"] for value in ttd["values"]] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert groups["pod-kill on shop"]["detection_rate"]["k"] == 6


def test_metrics_for_people_show_every_value(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("metrics", "--store", store, "--experiment", "pod-kill") == 0
    out = capsys.readouterr().out
    assert "detected 6 of 7" in out
    assert "1s 2s 3s 4s 5s 6s ≥7s" in out
    assert "all experiments" not in out


def test_history_and_metrics_of_runs_with_a_label(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("history", "--store", store, "--label", "a=b", "--json") == 0
    assert [run["run"] for run in json.loads(capsys.readouterr().out)] == ["20261101-000000-bbbb"]
    assert chaos_run("metrics", "--store", store, "--label", "team=checkout") == 0
    out = capsys.readouterr().out
    assert "7 runs" in out
    assert "drain" not in out
    assert chaos_run("history", "--store", store, "--label", "team") == 2
    assert "--label: 'team' is not a label; write for example team=checkout" in capsys.readouterr().err
