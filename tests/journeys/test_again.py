"""The record: a run is judged again from its samples, and travels as evidence."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path

import pytest

from runner import errors
from runner.cli import main
from runner.engine.conclude import rejudge
from runner.store import Store
from runner.timeline.record import RunRecord
from tests.journeys.harness import UNHURRIED, Service, experiment, http, started

TRAFFIC = [{"name": "front", "url": "${url}/", "rate": 100, "timeout": UNHURRIED}]
OBJECTIVES = [
    {"name": "availability", "indicator": "front", "target": "99%"},
    {"name": "latency", "indicator": "front", "target": "90%", "threshold": "300ms", "window": "7d", "judge": "window"},
]
SECRET = "s3cr3t-of-the-shop"
METHOD = [http("break", "/break", pauses={"after": 3})]


def chaos_run(*arguments: str) -> int:
    return main.entry(arguments, main.app, "chaos-run")


@pytest.fixture
def finished(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """A run that users felt, of an experiment with a secret."""
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    document = experiment(service, traffic=TRAFFIC, objectives=OBJECTIVES, method=METHOD)
    document["secrets"] = {"shop": {"token": {"type": "env", "key": "SHOP_TOKEN"}}}
    with started(tmp_path, document) as run:
        assert run.finish() == 1
    with Store.open() as store:
        return store.get("last")


def test_a_run_travels_and_is_judged_again_wherever_it_is(
    finished: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _judged_again(finished, tmp_path, capfd)
    _travels(finished, tmp_path, monkeypatch, capfd)
    with Store.open() as store:
        here = store.get("last")
    Path(here.folder, here.indicators[0].tape).unlink()
    assert chaos_run("judge", "last") == errors.ExitCode.ENVIRONMENT
    assert capfd.readouterr().err.startswith("error: the samples of front are gone")


def _judged_again(live: RunRecord, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert live.objectives[0].bad > 10
    blank = tuple(dataclasses.replace(o, bad=0, total=1, verdict="", sentence="") for o in live.objectives)
    assert rejudge.judge(dataclasses.replace(live, objectives=blank, verdict="", sentence="", exit_code=9)) == live

    assert chaos_run("judge", "last") == 1
    assert "as on record" in capfd.readouterr().out
    lenient = tmp_path / "lenient.yaml"
    lenient.write_text("objectives:\n- {name: half, indicator: front, target: 5%}\n", encoding="utf-8")
    code = chaos_run("judge", "last", "--slo", str(lenient), "--json")
    judged = json.loads(capfd.readouterr().out)
    assert (code, judged["verdict"]) in ((0, "PASS"), (4, "INCONCLUSIVE"))  # one outage is few slices to be sure
    assert (judged["objectives"][0]["name"], judged["objectives"][0]["bad"]) == ("half", live.objectives[0].bad)

    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("objectives:\n- {name: half, indicator: fron, target: 5%}\n", encoding="utf-8")
    assert chaos_run("judge", "last", "--slo", str(wrong)) == 2
    assert f"{wrong}:2:" in (said := capfd.readouterr().err)
    assert "front" in said


def _travels(
    there: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle.zip"
    assert chaos_run("export", "last", "-o", str(bundle)) == 0
    with zipfile.ZipFile(bundle) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    assert {"record.json", "events.jsonl", "ledger.jsonl", "journal.json", "run.json", "plan.json", "0-front.tape"} <= {
        *inside
    }
    assert not [name for name, data in inside.items() if SECRET.encode() in data]

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    for said in ("imported: chaos-run show", "on record already"):
        assert chaos_run("import", str(bundle)) == 0
        assert said in capfd.readouterr().out
    with Store.open() as store:
        here = store.get("last")
        assert len(store.list()) == 1
    assert here.imported
    assert dataclasses.replace(here, imported=None, folder=there.folder) == there
    assert chaos_run("judge") == 1
    assert "as on record" in capfd.readouterr().out
    assert chaos_run("history") == chaos_run("show") == chaos_run("report", "--format", "text") == 0
    assert capfd.readouterr().out.count("imported") == 2
    assert chaos_run("report") == 0
    assert chaos_run("recover") == 0  # its ledger is evidence, nothing to play here
    assert "Nothing is left open" in capfd.readouterr().out
    again_bundle = tmp_path / "again.zip"
    assert chaos_run("export", "last", "-o", str(again_bundle)) == 0
    with zipfile.ZipFile(again_bundle) as archive:
        assert {*archive.namelist()} == {*inside}
