"""Alerts that a fault sets off beside the expected one are silenced while it lasts, and no silence outlives the run, whoever dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ExitCode
from runner.faults import conformance
from runner.faults.alertmanager import silences
from runner.faults.alertmanager.driver import Driver
from runner.faults.conformance import MakingTrial
from runner.faults.driver import UndoStep
from runner.rundir import inbox
from runner.rundir.ledger import DRILL, SILENCE, Ledger, UndoRecord
from runner.rundir.start_message import Kept, PlaygroundProcess
from runner.timeline.event import DRILL_ALERT
from runner.undo import player, setting
from tests.detection import rig
from tests.detection.between import TOKEN, between
from tests.faults.test_conformance import SETTING
from tests.journeys import harness
from tests.journeys.harness import ROOT, Json, Run, Service
from tests.notify.receiver import Receiver, receiver
from tests.rundir.starts import start
from tests.waiting import PATIENCE_S, until

NOISY = {"alertname": "NoisyNeighbour"}
WINDOWS = {"baseline": "0s", "recovery": "5s", "stable": "100ms"}


@dataclass
class Real:
    """A real Alertmanager, and whom it tells."""

    url: str
    people: Receiver

    def silences(self) -> list[Json]:
        """Those that are not over."""
        return [s for s in self._get("/silences") if s["status"]["state"] != "expired"]

    def end_silences(self) -> None:
        for silence in self.silences():
            path = f"{self.url}/api/v2/silence/{silence['id']}"
            urllib.request.urlopen(urllib.request.Request(path, method="DELETE"), timeout=5).close()

    def drills(self) -> list[Json]:
        """The alerts that say that a drill goes on."""
        now = datetime.now(UTC)
        named = [a for a in self._get("/alerts") if a["labels"]["alertname"] == "ChaosRunDrill"]
        return [a for a in named if datetime.fromisoformat(a["endsAt"]) > now]

    def is_quiet(self) -> bool:
        """Whether nothing of a run is left."""
        return not self.silences() and not self.drills()

    def fire(self, *names: str) -> None:
        now = datetime.now(UTC).isoformat()
        alerts = [{"labels": {"alertname": n, "team": "storefront"}, "startsAt": now} for n in names]
        body = json.dumps(alerts).encode()
        urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/api/v2/alerts", body, {"Content-Type": "application/json"}), timeout=5
        ).close()

    def told(self) -> set[str]:
        """The names of all alerts that people heard of."""
        return {a["labels"]["alertname"] for body in self.people.bodies() for a in body["alerts"]}

    def state(self, name: str) -> str:
        return str(next(a["status"]["state"] for a in self._get("/alerts") if a["labels"]["alertname"] == name))

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/v2{path}", timeout=5) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def _alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    rig.need("prometheus-alertmanager")
    with receiver() as people:
        ports = {"alertmanager": rig.free_port(), "webhook": int(people.url.rsplit(":", 1)[1].split("/")[0])}
        url = f"http://127.0.0.1:{ports['alertmanager']}"
        with rig.alertmanager(tmp_path_factory.mktemp("am"), ports):
            until(lambda: rig.ready(url), "the Alertmanager is ready")
            yield Real(url, people)


@pytest.fixture
def there(_alertmanager: Real) -> Iterator[Real]:
    """What a test that failed left in it does not fail the next one."""
    yield _alertmanager
    _alertmanager.end_silences()


@pytest.fixture
def service() -> Iterator[Service]:
    with harness.service(rig.free_port()) as found:
        yield found


def _document(service: Service, alertmanager: str, *, seconds: float = 30.0, **more: Any) -> Json:
    access = more.pop("access", {})
    silence = {"alertmanager": alertmanager, "match": NOISY, **access}
    announce = {"alertmanager": alertmanager, "labels": {"team": "storefront"}, **access}
    document = harness.experiment(
        service,
        method=[harness.http("break", "/break", pauses={"after": seconds})],
        **{
            "traffic": None,
            "objectives": None,
            "windows": WINDOWS,
            "silence": [silence],
            "announce": [announce],
            **more,
        },
    )
    return document | {"secrets": {"team": {"token": {"type": "env", "key": "DRILL_TOKEN"}}}}


def _recover() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", "recover"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILL_TOKEN", TOKEN)


def test_the_named_alert_is_not_heard_and_the_expected_one_is(tmp_path: Path, service: Service, there: Real) -> None:
    detection = [{"alertmanager": there.url, "match": {"team": "storefront"}}]
    expect = {"alert": "ShopErrors", "detected_within": "5s"}
    with harness.started(
        tmp_path, _document(service, there.url, seconds=1.5, detection=detection, expect=expect)
    ) as run:
        run.until("injected")
        (silence,) = there.silences()
        assert silence["createdBy"] == "chaos-run"
        assert f"chaos-run {run.events[0]['run']} #1] a journey" in silence["comment"]
        lasts = datetime.fromisoformat(silence["endsAt"]) - datetime.now(UTC)
        assert 360 - PATIENCE_S < lasts.total_seconds() < 361, "a minute's longest duration, and five for the way back"
        (drill,) = there.drills()
        asked = {"run": run.events[0]["run"], "service": "journey", "severity": "info", "team": "storefront"}
        assert drill["labels"] == {"alertname": "ChaosRunDrill"} | asked
        assert "stop with: chaos-run stop" in drill["annotations"]["summary"]
        assert run.named("detected") == [], "our own alert is heard by people, and nobody notices a fault by it"
        there.fire("ShopErrors", "NoisyNeighbour")
        until(lambda: {"ShopErrors", "ChaosRunDrill"} <= there.told(), "people hear of the expected alert")
        time.sleep(0.3)
        assert there.state("NoisyNeighbour") == "suppressed"
        assert there.told() == {"ShopErrors", "ChaosRunDrill"}
        run.finish()
    assert there.is_quiet()
    steps = [e["what"] for e in run.named("undo_step") if e["state"] == "undone"]
    assert steps == [
        "mend",
        f'end the silence of alertname="NoisyNeighbour" at {there.url}',
        f"resolve the alert ChaosRunDrill at {there.url}",
    ]
    assert harness.record(run)["cleared"] == _cleared(there)
    until(lambda: "NoisyNeighbour" in there.told(), "it is heard again after the run")


def _cleared(there: Real) -> list[str]:
    return [f"no {what} of this run is left at {there.url}" for what in ("drill alert", "silence")]


def _stop(run: Run) -> None:
    inbox.post(run.folder, {"kind": "stop", "by": "a test"})


@pytest.mark.parametrize("killed", ["nobody", "parent", "parent+worker+undoer"])
def test_no_silence_is_left_whoever_is_stopped_or_killed(
    killed: str, tmp_path: Path, service: Service, there: Real
) -> None:
    with harness.started(tmp_path, _document(service, there.url)) as run:
        run.until("injected")
        assert len(there.silences()) == 1
        _stop(run) if killed == "nobody" else run.kill(*killed.split("+"))
        if killed == "parent+worker+undoer":
            assert len(there.silences()) == len(there.drills()) == 1, "nobody was left to end it"
            assert _recover().returncode == 0
        kept = harness.record(run)
    assert there.is_quiet()
    assert not service.broken
    assert kept["verdict"] in ("ABORTED", "ENVIRONMENT")
    assert [s["what"].split(" ")[0] for s in kept["undo"]] == ["mend", "end", "resolve"]
    assert kept["cleared"] == _cleared(there)
    assert not Ledger(run.folder).outstanding()


def test_a_silence_whose_answer_was_lost_is_ended_and_nothing_is_injected(
    tmp_path: Path, service: Service, there: Real
) -> None:
    with between(there.url) as way:
        way.lost.add("/silences")
        document = _document(service, way.url, access={"secrets": "team"})
        with harness.started(tmp_path, document) as run:
            assert run.finish() == ExitCode.ENVIRONMENT
    assert 'not silenced: alertname="NoisyNeighbour"' in run.verdict["sentence"]
    assert [(s["step"], s["state"]) for s in harness.record(run)["undo"] if s["step"]] == [(1, "undone"), (2, "undone")]
    assert there.is_quiet()
    assert service.get("/log") == "", "neither broken nor mended"


def test_a_silence_that_cannot_be_ended_is_told_and_ended_by_the_next_recover(
    tmp_path: Path, service: Service, there: Real
) -> None:
    with between(there.url) as way:
        way.refused["DELETE"] = 403
        document = _document(service, way.url, seconds=0, access={"secrets": "team"})
        with harness.started(tmp_path, document) as run:
            assert run.finish() == ExitCode.UNDO_FAILED
        (silence,) = there.silences()
        assert f"silence {silence['id']}, until {silence['endsAt']}, is left at {way.url}" in run.verdict["sentence"]
        (failed,) = (e for e in run.named("undo_step") if e["state"] == "failed")
        assert "answers 403: not today; the silence ends by itself at 20" in failed["error"]
        assert not service.broken, "that it could not be ended was in the way of nothing"
        record = harness.record(run)
        (undone,) = (m["mono_ns"] for m in record["marks"] if m["name"] == "undone")
        tried = [e["t"] for e in run.named("undo_step") if e["what"] == failed["what"] and e["state"] == "started"]
        assert round((undone - record["started_mono_ns"]) / 1e9, 3) <= min(tried), (
            "the service was well before the silence was tried"
        )
        way.refused.clear()
        assert not there.drills(), "what comes after it is undone all the same"
        assert _recover().returncode == 0
        assert there.is_quiet()
    kept = [path.read_text(errors="replace") for path in run.folder.rglob("*") if path.is_file()]
    assert TOKEN not in "".join(kept), "it was asked for by every request"


def test_without_its_alertmanager_nothing_is_injected(tmp_path: Path, service: Service) -> None:
    gone = f"http://127.0.0.1:{rig.free_port()}"
    with harness.started(tmp_path, _document(service, gone)) as run:
        assert run.finish() == ExitCode.ENVIRONMENT
        assert f"the Alertmanager at {gone} cannot be reached" in run.stderr()
    assert service.get("/log") == ""
    assert not list((Path(os.environ["XDG_STATE_HOME"]) / "chaos-run" / "runs").iterdir())


def test_a_silence_outlives_the_playground_and_is_ended_all_the_same(tmp_path: Path, there: Real) -> None:
    begun = start(tmp_path, playground=PlaygroundProcess(pid=1, created=0.0))
    matchers = [{"name": "alertname", "value": "X", "isRegex": False, "isEqual": True}]
    args = {
        "alertmanager": there.url,
        "secrets": None,
        "timeout_s": 5,
        "number": 1,
        "matchers": matchers,
        "ends": "soon",
    }
    ledger = Ledger(tmp_path)
    ledger.open(SILENCE, "end the silence", **args)
    ledger.open("uncordon", "uncordon node a", node="a")
    assert silences.make(setting.of(begun), args, 60, "a test") == ""
    told: list[tuple[str, str]] = []
    assert player.play(tmp_path, begun, lambda step: told.append((step.what, step.state)))
    assert there.silences() == []
    assert told[-3:] == [("uncordon node a", "already"), ("end the silence", "started"), ("end the silence", "undone")]


SILENCED = [{"name": "alertname", "value": "Somebody", "isRegex": False, "isEqual": True}]


@pytest.mark.parametrize("kind", [SILENCE, DRILL])
def test_the_driver_passes_the_conformance_suite(there: Real, kind: str) -> None:
    """Beside a silence, or a drill's alert, of another run."""
    own = {"number": 1, "matchers": SILENCED}
    if kind == DRILL:
        own = {"labels": {"alertname": DRILL_ALERT, "run": SETTING.run, "service": "shop"}}
    args = {"alertmanager": there.url, "secrets": None, "timeout_s": 5.0, "ends": "soon", **own}
    other = replace(SETTING, run="20260101-000000-else")
    theirs = {**args, "labels": {**args.get("labels", {}), "run": other.run}} if kind == DRILL else args
    maker = Driver().open(other)

    def mine() -> object:
        assert maker.make(kind, theirs, 60, "a test") == ""
        return None

    def untouched() -> bool:
        record = UndoRecord(number=1, kind=kind, what="end it", args=dict(theirs))
        return bool(maker.residue({}, [record], Kept()).residue)

    trial = MakingTrial(
        setting=SETTING,
        step=UndoStep(kind=kind, what=f"end the {kind}", args=args),
        others=mine,
        untouched=untouched,
        limit_s=5,
    )
    try:
        assert conformance.check_making(Driver(), trial) == []
    finally:
        maker.undo(UndoRecord(number=1, kind=kind, what="end it", args=dict(theirs)))
