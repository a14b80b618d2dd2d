"""The way back, told as it was: on the screen, in the record, by exit code, by whoever survives."""

from __future__ import annotations

import copy
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.journeys.harness import Json, Run, Service, record, started
from tests.journeys.test_on_record import _on_record

EVERYTHING = "nothing is left behind"
WAYS = {
    "process": {
        "type": "process",
        "path": "sh",
        "arguments": ["-c", "touch ${made}; sleep ${pause}; echo made ${made}"],
    },
    "http": {"type": "http", "url": "${url}/break", "timeout": 2},
}
NOT_LOOKED_AT = {"process": "process actions", "http": "http actions"}


def _document(service: Service, folder: Path, way: str = "process", pause: float = 0, **block: Any) -> Json:
    calm = {"type": "process", "path": "true"}
    return {
        "title": "breaks something",
        "description": "made by a test",
        "configuration": {"url": service.url, "made": str(folder / "made"), "pause": str(pause)},
        "steady-state-hypothesis": {
            "title": "calm",
            "probes": [{"type": "probe", "name": "calm", "tolerance": 0, "provider": calm}],
        },
        "method": [{"type": "action", "name": "break", "provider": copy.deepcopy(WAYS[way])}],
        "rollbacks": [],
        "extensions": [{"name": "chaos-run", "service": "way", "windows": {"baseline": "300ms"}, **block}],
    }


def _undone(run: Run) -> Json:
    return run.named("undone")[-1]


@pytest.mark.parametrize("way", NOT_LOOKED_AT)
def test_what_nobody_undoes_is_said(way: str, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _document(service, tmp_path, way)) as run:
        assert run.finish() == 0, run.verdict["sentence"]
    said = f"nothing was put back: break has no undo; not checked: {NOT_LOOKED_AT[way]}"
    assert _undone(run)["sentence"] == said
    assert (_undone(run)["clean"], _undone(run)["put_back"]) == (False, "no undo")
    assert said in run.verdict["sentence"]
    assert [f["severity"] for f in run.named("finding") if "has no undo" in f["message"]] == ["warning"]
    assert record(run)["way_back"]["no_undo"] == ["break"]


def test_what_nobody_undoes_fails_where_an_undo_is_asked_for(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _document(service, tmp_path, undo="required")) as run:
        assert run.finish() == 1
    assert "break has no undo" in run.verdict["sentence"]
    assert [f["severity"] for f in run.named("finding") if "has no undo" in f["message"]] == ["error"]


def test_what_is_accepted_by_name_does_not_fail(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _document(service, tmp_path, undo="required", accept_no_undo=["break"])) as run:
        assert run.finish() == 0
    assert "nothing was put back: break has no undo" in run.verdict["sentence"]


def test_undo_steps_that_succeed_without_a_look_are_assumed(service: Service, tmp_path: Path) -> None:
    document = _document(service, tmp_path)
    mend = {"type": "action", "name": "mend", "provider": {"type": "process", "path": "rm", "arguments": ["${made}"]}}
    with started(tmp_path, document | {"rollbacks": [mend]}) as run:
        assert run.finish() == 0
    assert _undone(run)["put_back"] == "assumed"
    assert _undone(run)["sentence"] == "every undo step succeeded; not checked: process actions"
    assert EVERYTHING not in str(run.events)


def test_a_survivor_says_no_more_than_the_runner_would(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _document(service, tmp_path, pause=30)) as run:
        run.until("activity", state="started")
        run.kill("parent")
        kept = _on_record(run)
    said = "the runner died; nothing was put back: break has no undo; not checked: process actions"
    assert (kept["sentence"], kept["exit_code"]) == (said, 7)
    assert [f["message"] for f in kept["findings"]][1:] == ["the action 'break' has no undo: revert its change by hand"]


HIDDEN = "env -i setsid sleep 120 >/dev/null 2>&1 & echo $! > {pid}; sleep 0.3"
"""A daemon that takes the mark out of its environment and leaves the session."""


def _runs(pid: int) -> bool:
    """Not one that has ended and that nobody has asked about yet."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a runner adopt orphans")
def test_a_daemon_of_a_process_action_ends_with_the_undo_whatever_it_did_to_hide(
    service: Service, tmp_path: Path
) -> None:
    document = _document(service, tmp_path)
    document["method"][0]["provider"]["arguments"] = ["-c", HIDDEN.format(pid=tmp_path / "pid")]
    with started(tmp_path, document) as run:
        run.finish()
        pid = int((tmp_path / "pid").read_text())
        left = _runs(pid)
        if left:
            os.kill(pid, signal.SIGKILL)
    assert not left
    assert [(s["what"], s["state"]) for s in record(run)["undo"]] == [("end the processes of the method", "undone")]
    assert _undone(run)["residue"] == []
