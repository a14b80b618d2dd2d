"""`runtime:`, `dry:`, `stays:` and an empty method: what happens, and that no more is said than that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.test_plain_files import ROOT, Json, Play, document, writes
from tests.waiting import HANG_S, PATIENCE_S, until

THERE: Json = {
    "type": "probe",
    "name": "there",
    "tolerance": True,
    "provider": {"type": "python", "module": "os.path", "func": "exists", "arguments": {"path": "flag"}},
}


def runs(name: str, command: str, **extra: Any) -> Json:
    """An action that says what it did, so that it is assumed to have done it."""
    provider = {"type": "process", "path": "sh", "arguments": ["-c", f"{command} && echo {name}: done"]}
    return {"type": "action", "name": name, "provider": provider, **extra}


REMOVE, MAKE = runs("remove", "rm flag", pauses={"after": 0.6}), runs("make", "touch flag")
BACK = runs("back", "touch flag; echo back >> $TRACE")


def played(tmp_path: Path, found: Json, **files: str) -> tuple[Play, Json, list[Json]]:
    """A run by us, its verdict and all its events."""
    play = Play(tmp_path / "x", found, **files)
    (play.folder / "flag").touch()
    code, said = play.run(sys.executable, "-m", "runner", "run", "x.json", "--json")
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert events, said
    verdict = next(e for e in events if e["event"] == "verdict")
    assert verdict["exit_code"] == code
    return play, verdict, events


def whens(events: list[Json]) -> list[str]:
    return list(dict.fromkeys(e["when"] for e in events if e["event"] == "hypothesis"))


def healing(**runtime: Json) -> Json:
    """The flag is away for 0.6 s, and there again at the end of the method."""
    found = document([REMOVE, MAKE], [BACK], [THERE])
    return found | ({"runtime": runtime} if runtime else {})


BLOCK: Json = {"name": "chaos-run", "hypothesis": {"frequency": 0.1}, "windows": {"recovery": "3s"}}


@pytest.mark.parametrize(
    ("asked", "whole", "when", "verdict"),
    [
        (None, False, ["before", "after", "recovered"], "PASS"),
        ("default", False, ["before", "after", "recovered"], "PASS"),
        ("before-method-only", False, ["before", "recovered"], "INCONCLUSIVE"),
        ("after-method-only", False, ["after", "recovered"], "PASS"),
        ("during-method-only", False, ["during", "recovered"], "FAIL"),
        ("continuously", False, ["before", "during", "after", "recovered"], "FAIL"),
        ("continously", False, ["before", "during", "after", "recovered"], "FAIL"),
        ("skip", False, [], "INCONCLUSIVE"),
        (None, True, ["before", "during", "after", "recovered"], "FAIL"),
        ("default", True, ["before", "after", "recovered"], "PASS"),
    ],
)
def test_the_hypothesis_is_asked_when_the_file_says(
    tmp_path: Path, asked: str | None, whole: bool, when: list[str], verdict: str
) -> None:
    found = healing(**({"hypothesis": {"strategy": asked}} if asked else {}))
    if whole:
        found["extensions"] = [BLOCK]
    if "during" in when and not whole:  # it is asked once a second then
        found["method"][0] = {**REMOVE, "pauses": {"after": 3}}
    _, told, events = played(tmp_path, found)
    assert (whens(events), told["verdict"]) == (when, verdict), told["sentence"]
    if asked == "skip":
        assert told["sentence"] == "nothing was measured: the file skips its hypothesis"
    if asked == "before-method-only":
        assert told["sentence"] == "nothing was measured: the hypothesis is asked before the method only"


def undone(events: list[Json]) -> Json:
    return next(e for e in events if e["event"] == "undone")


@pytest.mark.parametrize(
    ("strategy", "deviates", "plays"),
    [
        (None, False, True),
        (None, True, True),
        ("default", True, True),
        ("always", False, True),
        ("never", False, False),
        ("never", True, False),
        ("deviated", False, False),
        ("deviated", True, True),
    ],
)
def test_rollbacks_are_played_when_the_file_says(
    tmp_path: Path, strategy: str | None, deviates: bool, plays: bool
) -> None:
    found = healing(**({"rollbacks": {"strategy": strategy}} if strategy else {}))
    recovery = "1s" if deviates and not plays else "20s"  # it is waited out where nothing is put back
    windows = {"recovery": recovery, "baseline": "0s"}
    found["extensions"] = [BLOCK | {"hypothesis": {"during": False}, "windows": windows}]
    if deviates:
        found["method"] = [REMOVE]
    play, told, events = played(tmp_path, found)
    assert (play.trace == ["back"]) is plays
    assert told["verdict"] == ("FAIL" if deviates else "PASS")
    way = undone(events)
    assert (way["put_back"] == "not played") is not plays
    assert way["clean"] is plays
    record = json.loads((Path(told["report"]).parent / "record.json").read_text())
    assert record["way_back"]["sentence"] == way["sentence"]
    if not plays:
        why = "the steady state did not deviate, and " if strategy == "deviated" else ""
        said = f"nothing was put back: {why}the file's rollback strategy is {strategy} (skipped: back)"
        assert way["sentence"].startswith(said)
        assert deviates or said in told["sentence"]
        assert not [e for e in events if "has no undo" in str(e.get("message"))]


def test_a_run_that_is_stopped_counts_as_deviated(tmp_path: Path) -> None:
    found = healing(rollbacks={"strategy": "deviated"})
    found["method"] = [writes("a"), {**REMOVE, "pauses": {"after": 9}}]
    found["extensions"] = [BLOCK | {"hypothesis": {"during": False}, "abort": [{"duration": "500ms"}]}]
    play, told, _ = played(tmp_path, found)
    assert told["verdict"] == "ABORTED"
    assert play.trace == ["a", "back"]


def test_what_is_meant_to_stay_is_not_the_fault_and_is_told_as_left(tmp_path: Path) -> None:
    fails = runs("set-up", "exit 1")
    found = document([runs("set-up", "touch prepared"), REMOVE, MAKE], [BACK], [THERE])
    found["extensions"] = [BLOCK | {"stays": ["set-up"], "hypothesis": {"during": False}}]
    play, told, events = played(tmp_path, found)
    assert (play.folder / "prepared").exists()
    assert play.trace == ["back"], "the file's own rollbacks are played all the same"
    assert "left in place, as declared: set-up" in undone(events)["sentence"]
    assert told["verdict"] == "PASS"
    assert told["sentence"].count("left in place, as declared: set-up") == 1
    assert "left in place, as declared: set-up" in told["sentence"]
    _, said = play.run(sys.executable, "-m", "runner", "show", told["run"])
    assert "left in place, as declared: set-up" in said
    _, said = play.run(sys.executable, "-m", "runner", "plan", "x.json")
    assert "if the runner dies, undone by nothing: it is declared to stay" in said
    assert "stays     'set-up' is declared to stay" in said
    found["method"][0] = fails
    _, told, _ = played(tmp_path / "2", found)
    assert (told["verdict"], told["sentence"][:27]) == ("INCONCLUSIVE", "set-up failed half-way: it ")
    provider = {"type": "python", "module": "mine", "func": "prepare"}
    found["method"][0] = {"type": "action", "name": "set-up", "provider": provider}
    _, told, _ = played(
        tmp_path / "3", found, mine="def prepare():\n    return []\n"
    )  # as a fault it would have hit nothing
    assert told["verdict"] == "PASS", told["sentence"]


@pytest.mark.parametrize("dry", ["actions", "activities"])
def test_a_dry_run_executes_no_action_and_never_passes(tmp_path: Path, dry: str) -> None:
    play, told, events = played(tmp_path, healing() | {"dry": dry})
    assert play.trace == []
    assert (play.folder / "flag").exists()
    assert not [e for e in events if e["event"] == "injected" or e.get("step")]
    assert told["verdict"] == "INCONCLUSIVE"
    assert f"not executed: the file asks for a dry run ({dry})" in told["sentence"]


def test_dry_probes_execute_the_actions_and_are_no_proof_that_anything_held(tmp_path: Path) -> None:
    found = document([REMOVE], [BACK], [THERE]) | {"dry": "probes"}
    play, told, events = played(tmp_path, found)
    assert play.trace == ["back"]
    assert whens(events) == []
    assert told["sentence"] == "nothing was measured: a dry run executes no probe (probes)"


def test_dry_pause_leaves_out_the_pauses_alone(tmp_path: Path) -> None:
    found = document([{**REMOVE, "pauses": {"after": HANG_S}}, MAKE], [BACK], [THERE]) | {"dry": "pause"}
    _, told, events = played(tmp_path, found)
    assert told["verdict"] == "PASS"
    assert events[-1]["t"] < PATIENCE_S


@pytest.mark.parametrize("holds", [True, False])
def test_an_empty_method_is_a_check_of_the_steady_state(tmp_path: Path, holds: bool) -> None:
    probe = THERE if holds else THERE | {"tolerance": False}
    _, told, events = played(tmp_path, document([], [BACK], [probe]))
    if holds:
        assert told["verdict"] == "PASS"
        assert told["sentence"] == (
            "steady-state check only: the method has no action, nothing was injected; the hypothesis held before and after"
        )
    else:
        assert told["verdict"] == "FAIL"
        assert told["sentence"].startswith("the hypothesis did not hold before the method")
    assert not [e for e in events if e["event"] in ("injected", "undone")]


def test_an_empty_method_without_anything_that_is_asked_passes_nothing(tmp_path: Path) -> None:
    skips = {"runtime": {"hypothesis": {"strategy": "skip"}}}
    for number, found in enumerate((document([]), document([], [], [THERE]) | skips)):
        _, told, _ = played(tmp_path / str(number), found)
        assert told["verdict"] == "INCONCLUSIVE"


def test_what_a_survivor_leaves_as_it_is_for_the_file_says_so_is_told(tmp_path: Path) -> None:
    found = healing(rollbacks={"strategy": "never"})
    found["method"][0] = {**REMOVE, "pauses": {"after": HANG_S}}
    play = Play(tmp_path / "x", found)
    (play.folder / "flag").touch()
    env = {**os.environ, "TRACE": str(play.folder / "trace")}
    command = [sys.executable, "-m", "runner", "run", "x.json", "--json"]
    process = subprocess.Popen(command, cwd=play.folder, env=env | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE)
    assert process.stdout
    for line in process.stdout:
        if (event := json.loads(line))["event"] == "injected":
            break
    process.kill()
    process.wait()
    process.stdout.close()
    path = Path(os.environ["XDG_STATE_HOME"]) / "chaos-run" / "runs" / event["run"] / "record.json"
    until(path.exists, "there is a record")
    said = "the runner died; nothing was put back: the file's rollback strategy is never (skipped: back)"
    assert json.loads(path.read_text())["sentence"].startswith(said)
    assert play.trace == []


@pytest.mark.parametrize("strategy", [None, "always"])
def test_rollbacks_without_an_action_are_played_only_where_the_file_asks_for_that(
    tmp_path: Path, strategy: str | None
) -> None:
    asks = THERE | {"name": "again"}
    found = document([{k: v for k, v in asks.items() if k != "tolerance"}], [BACK], [THERE])
    if strategy:
        found["runtime"] = {"rollbacks": {"strategy": strategy}}
    play, told, events = played(tmp_path, found)
    assert told["verdict"] == "INCONCLUSIVE"
    assert play.trace == (["back"] if strategy else [])
    said = [e["message"] for e in events if e["event"] == "finding"]
    assert ("no action was started, so nothing was rolled back (skipped: back)" in said) is not bool(strategy)
    if strategy:
        assert undone(events)["sentence"].startswith("no action was started, and the undo steps were run")
