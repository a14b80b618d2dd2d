"""A run that may have changed something is on record like any other, whoever of its processes was killed, and whenever."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.harness import ROOT, Json, Run, record, started
from tests.waiting import until

PHASES = {
    "baseline": ("phase", {"phase": "baseline"}),
    "inject": ("activity", {"state": "started"}),
    "undo": ("undo_step", {"state": "started", "what": "unmake"}),
    "recover": ("phase", {"phase": "recover"}),
}
KILLED = (
    ("parent",),
    ("parent", "undoer"),
    pytest.param(("parent", "worker"), marks=pytest.mark.slow("four runs more")),
)


def _document(folder: Path, baseline: str = "300ms") -> Json:
    """Makes a file, takes its time, and takes it away again; it recovers for as long as the test lets it."""
    make = _shell(f"touch {folder}/made {folder}/wait; sleep 0.7")
    return {
        "title": "makes a file",
        "description": "made by a test",
        "steady-state-hypothesis": {
            "title": "nobody has to wait",
            "probes": [
                {"type": "probe", "name": "calm", "tolerance": 0, "provider": _shell(f"! test -e {folder}/wait")}
            ],
        },
        "method": [{"type": "action", "name": "make", "provider": make}],
        "rollbacks": [{"type": "action", "name": "unmake", "provider": _shell(f"sleep 0.7; rm -f {folder}/made")}],
        "runtime": {"hypothesis": {"strategy": "before-method-only"}},
        "extensions": [{"name": "chaos-run", "service": "files", "windows": {"baseline": baseline, "recovery": "20s"}}],
    }


def _shell(script: str) -> Json:
    return {"type": "process", "path": "sh", "arguments": ["-c", script]}


def _command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runner", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def _history(*options: str) -> list[Json]:
    return list(json.loads(_command("history", "--json", *options).stdout))


def _on_record(run: Run) -> Json:
    """What the default record has of the run; it may be a moment until the survivor has told it."""
    (document,) = until(lambda: _found(run), "somebody puts it on the record", every_s=0.1)
    return dict(json.loads(document))


def _found(run: Run) -> tuple[str] | None:
    database = Path(os.environ["XDG_STATE_HOME"]) / "chaos-run" / "record.db"
    with (
        contextlib.suppress(sqlite3.OperationalError),  # it is being made
        contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened,
    ):
        asked = "SELECT document FROM records WHERE run = ?"
        found: tuple[str] | None = opened.execute(asked, (run.folder.name,)).fetchone()
        return found
    return None


@pytest.mark.parametrize("killed", KILLED, ids="+".join)
@pytest.mark.parametrize("phase", PHASES)
def test_a_run_that_lost_its_runner_is_on_record_as_soon_as_it_is_undone(
    phase: str, killed: tuple[str, ...], tmp_path: Path
) -> None:
    event, fields = PHASES[phase]
    baseline = "3s" if phase == "baseline" else "300ms"  # none of those that are killed gets to its end
    with started(tmp_path, _document(tmp_path, baseline), "--label", "team=checkout") as run:
        run.until(event, **fields)
        run.kill(*killed)
        survivors = "undoer" not in killed or phase == "inject"  # the worker is over, or has not begun
        if not survivors:
            assert run.folder.name in _command("history").stderr
            assert _command("recover").returncode == 0
        kept = _on_record(run)
    assert not (tmp_path / "made").exists()
    assert (kept["verdict"], kept["labels"]) == ("ENVIRONMENT", {"team": "checkout"})
    assert [r["run"] for r in _history()] == [run.folder.name]
    assert _command("show", run.folder.name).returncode == 0
    assert "1 run" in _command("metrics").stdout


def test_what_could_not_be_put_on_the_record_comes_with_the_next_look(tmp_path: Path) -> None:
    """The record is not there while the survivor undoes: its folder is gone, and cannot be made."""
    away = tmp_path / "away"
    away.mkdir()
    with started(tmp_path, _document(tmp_path), "--store", str(away / "record.db")) as run:
        run.until("activity", state="started")
        away.rename(tmp_path / "elsewhere")
        away.touch()
        run.kill("parent")
        record(run)
        until(lambda: not (run.folder / ".untold").exists(), "somebody has told of it")
    away.unlink()
    (tmp_path / "elsewhere").rename(away)
    assert [r["run"] for r in _history("--store", str(away / "record.db"))] == [run.folder.name]
    assert _history() == [], "on the record that it belongs to, and on no other"
