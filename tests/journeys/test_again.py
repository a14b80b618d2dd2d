"""The record: a run is judged again from its samples, travels as evidence, and is never lost with its database."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path

import pytest

from runner import errors
from runner.cli import main
from runner.engine import again
from runner.store import Store
from tests.journeys.harness import Service, experiment, http, started

TRAFFIC = [{"name": "front", "url": "${url}/", "rate": 100, "timeout": "1s"}]
OBJECTIVES = [
    {"name": "availability", "indicator": "front", "target": "99%"},
    {"name": "latency", "indicator": "front", "target": "90%", "threshold": "300ms", "window": "7d"},
]
METHOD = [http("break", "/break", pauses={"after": 3})]


def chaos_run(*arguments: str) -> int:
    return main.entry(arguments, main.app, "chaos-run")


def test_judging_again_by_the_same_objectives_says_exactly_the_same(
    service: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with started(tmp_path, experiment(service, traffic=TRAFFIC, objectives=OBJECTIVES, method=METHOD)) as run:
        code = run.finish()
    with Store.open() as store:
        live = store.get("last")
    assert live.objectives[0].bad > 10
    blank = tuple(dataclasses.replace(o, bad=0, total=1, verdict="", sentence="") for o in live.objectives)
    assert again.judge(dataclasses.replace(live, objectives=blank, verdict="", sentence="", exit_code=9)) == live

    assert chaos_run("judge", "last") == code == 1
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

    Path(live.folder, live.indicators[0].tape).unlink()
    assert chaos_run("judge", "last") == errors.ExitCode.ENVIRONMENT
    assert capfd.readouterr().err.startswith("error: the samples of front are gone")


def test_evidence_travels_and_is_shown_and_judged_elsewhere(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cr3t-of-the-shop")
    document = experiment(service, traffic=TRAFFIC, objectives=OBJECTIVES, method=METHOD)
    document["secrets"] = {"shop": {"token": {"type": "env", "key": "SHOP_TOKEN"}}}
    with started(tmp_path, document) as run:
        code = run.finish()
    with Store.open() as store:
        there = store.get("last")
    bundle = tmp_path / "bundle.zip"
    assert chaos_run("export", "last", "-o", str(bundle)) == 0
    with zipfile.ZipFile(bundle) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    assert {"record.json", "events.jsonl", "ledger.jsonl", "journal.json", "run.json", "plan.json", "0-front.tape"} <= {
        *inside
    }
    assert not [name for name, data in inside.items() if b"s3cr3t-of-the-shop" in data]

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    for said in ("imported: chaos-run show", "on record already"):
        assert chaos_run("import", str(bundle)) == 0
        assert said in capfd.readouterr().out
    with Store.open() as store:
        here = store.get("last")
        assert len(store.list()) == 1
    assert here.imported
    assert dataclasses.replace(here, imported=None, folder=there.folder) == there
    assert chaos_run("judge") == code
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
