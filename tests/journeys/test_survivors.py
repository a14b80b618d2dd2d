"""Who undoes when several die, are killed while they undo, or start at once: everything is played, and nothing twice at a time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from runner.rundir.ledger import Ledger
from tests.journeys import harness
from tests.journeys.harness import ROOT, Json, Run, Service, http, python, record, started
from tests.journeys.test_crash_paths import BREAK, JOURNAL, SLOW, WINDOWS, experiment, process, wait_for_break, whole
from tests.waiting import HANG_S, PATIENCE_S, ended, until


def _mend(seconds: float) -> Json:
    return python("mend", "mend_loudly", {"url": "${url}", "seconds": seconds})


def _recover() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", "recover"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def _replays(run: Run) -> list[psutil.Process]:
    found = ((p, p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))
    return [p for p, command in found if "runner.undo.replay" in command and str(run.folder) in command]


def _kill_all(run: Run) -> None:
    run.kill("parent", "worker", "undoer")


def test_an_undoer_killed_in_the_middle_of_a_step_is_replaced(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[BREAK]) | {"rollbacks": [_mend(1.0)]}) as run:
        run.until("undo_step", what="mend", state="started")
        run.kill("undoer")
        assert run.finish() == 0
    kept = whole(run, service, 0)
    assert [(s["what"], s["state"]) for s in kept["undo"]][-1] == ("mend", "undone")


def test_no_signal_but_one_keeps_the_undoer_from_undoing(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[BREAK]) | {"rollbacks": [_mend(0.6)]}) as run:
        run.until("undo_step", what="mend", state="started")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.killpg(run.pids()["undoer"], number)
        assert run.finish() == 0
    whole(run, service, 0)
    assert service.get("/log") == "/break /mend", "once, and not again after a replacement"


def test_what_a_rollback_starts_can_be_ended_by_signals(service: Service, tmp_path: Path) -> None:
    ends_its_child = process(f"timeout 0.2 sleep {HANG_S:g}; exit 0")
    document = experiment(service, method=[BREAK]) | {"rollbacks": [ends_its_child, http("mend", "/mend")]}
    with started(tmp_path, document) as run:
        assert run.finish() == 0
    assert next(s["seconds"] for s in whole(run, service, 0)["undo"] if s["what"] == "script") < PATIENCE_S


def test_a_runner_killed_in_the_middle_of_a_step_leaves_a_whole_record(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[BREAK]) | {"rollbacks": [_mend(0.7)]}) as run:
        run.until("undo_step", what="mend", state="started")
        run.kill("parent")
        kept = record(run)
    assert not service.broken
    assert service.get("/log") == "/break /mend"
    assert [(s["what"], s["state"]) for s in kept["undo"]] == [("mend", "undone")]


def test_a_killed_runner_leaves_journal_and_indicators(service: Service, tmp_path: Path) -> None:
    document = harness.experiment(service, method=[BREAK, SLOW], windows=WINDOWS)
    with started(tmp_path, document) as run:
        run.until("activity", activity="break-and-wait", state="started")
        run.kill("parent")
        kept = record(run)
    assert [i["name"] for i in kept["indicators"]] == ["front"]
    journal = json.loads((run.folder / "journal.json").read_text())
    assert set(journal) >= JOURNAL
    assert journal["status"] == "interrupted"
    assert [a["activity"]["name"] for a in journal["run"]] == ["break", "break-and-wait"]
    assert [a["activity"]["name"] for a in journal["rollbacks"]] == ["mend"]


def test_a_replay_that_is_killed_leaves_it_to_the_next_start(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[SLOW])) as run:
        wait_for_break(run, service)
        run.kill("parent", "undoer")
        for found in until(lambda: _replays(run), "a replay begins", every_s=0.0):
            found.kill()
        run.kill("worker")
        time.sleep(0.5)
        assert service.broken, "it was killed before it could play"
    done = _recover()
    assert done.returncode == 0, done.stderr
    whole(run, service, 7)


def test_two_starts_at_once_put_back_once(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[SLOW]) | {"rollbacks": [_mend(0.5)]}) as run:
        wait_for_break(run, service)
        _kill_all(run)
    assert service.broken
    calm = [experiment(service, method=[python("nothing", "nothing")]) | {"rollbacks": []} for _ in range(2)]
    for name, document in zip(("one", "two"), calm, strict=True):
        document["extensions"][0]["service"] = name  # so that neither keeps the other waiting by its lock
        (tmp_path / name).mkdir()
    with started(tmp_path / "one", calm[0]) as one, started(tmp_path / "two", calm[1]) as two:
        for fresh in (one, two):
            fresh.until("run_started")
            assert not service.broken
            assert fresh.finish() == 4
    assert service.get("/log") == "/break /mend"
    assert record(run)["verdict"] == "ENVIRONMENT"


def test_a_worker_that_is_still_importing_injects_nothing_when_the_runner_dies(
    service: Service, tmp_path: Path
) -> None:
    act = python("act", "act", {"url": "${url}"})
    act["provider"]["module"] = "tests.fakes.slow_import"
    runs = tmp_path / "state" / "chaos-run" / "runs"
    with started(tmp_path, experiment(service, method=[act])) as run:
        (found,) = until(
            lambda: [f for f in runs.glob("*/processes.json") if "worker" in f.read_text()],
            "it has a worker",
            every_s=0.01,
        )
        processes = json.loads(found.read_text())
        os.kill(processes["parent"]["pid"], signal.SIGKILL)
        time.sleep(0.2)
        left = [p["pid"] for n, p in processes.items() if n != "parent"]
        until(lambda: all(map(ended, left)), "the others end, the undoer last: it puts the run on the record")
    run.events.append({"run": found.parent.name, "event": ""})
    assert record(run)["exit_code"] == 7
    assert service.get("/log") == ""


def test_nobody_replays_after_an_orderly_end(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, harness.experiment(service, method=[BREAK], windows=WINDOWS)) as run:
        run.finish()
        before = (run.folder / "events.jsonl").read_text()
        time.sleep(1.0)
        assert (run.folder / "events.jsonl").read_text() == before
    assert service.get("/log") == "/break /mend"
    assert not Ledger(run.folder).outstanding()


def test_a_prober_killed_while_users_recover_makes_no_verdict_about_them(service: Service, tmp_path: Path) -> None:
    rollback = python("mend", "mend_loudly", {"url": "${url}", "seconds": 0.5})
    document = harness.experiment(service, method=[BREAK], windows=WINDOWS) | {"rollbacks": [rollback]}
    with started(tmp_path, document) as run:
        run.until("undo_step", what="mend", state="started")
        run.kill("prober")
        assert run.finish() == 7
    assert "the prober died" in whole(run, service, 7)["sentence"]


@pytest.mark.parametrize("killed", ["undoer", "prober", "worker"])
def test_nothing_is_injected_without_the_whole_crew(killed: str, service: Service, tmp_path: Path) -> None:
    document = harness.experiment(service, method=[BREAK], windows=WINDOWS | {"baseline": "2s"})
    with started(tmp_path, document) as run:
        run.until("phase", phase="baseline")
        time.sleep(0.1)
        run.kill(killed)
        assert run.finish() == 7
        time.sleep(0.7)
    assert service.get("/log") == ""


def _read(terminal: int) -> None:
    with contextlib.suppress(OSError):
        os.read(terminal, 1 << 16)


def test_a_closed_terminal_stops_and_undoes(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "experiment.json"
    file.write_text(json.dumps(experiment(service, method=[SLOW])))
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "runner", "run", str(file)], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        os.set_blocking(ours, False)
        until(lambda: _read(ours) or service.broken, "the fault is in")
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE_S) == 5
    assert not service.broken
