"""Whatever breaks in the middle of a run (signals, crashes, answers that nobody can read), all is put back and recorded."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from runner.rundir.ledger import Ledger
from tests.journeys import harness
from tests.journeys.harness import ROOT, Json, Run, Service, http, python, record, started
from tests.waiting import HANG_S, PATIENCE_S, ended, text_of, until

WINDOWS = {"baseline": "300ms", "recovery": "20s", "stable": "200ms"}
JOURNAL = {"chaoslib-version", "platform", "node", "experiment", "start", "status", "deviated", "steady_states", "run",
           "rollbacks", "end", "duration"}  # fmt: skip
"""The fields of Chaos Toolkit's own journal."""


def experiment(service: Service, *, method: list[Json], probe: Json | None = None, **more: Any) -> Json:
    """Without traffic, so that a journey takes two seconds; the hypothesis is what is judged."""
    document = harness.experiment(service, method=method, windows=WINDOWS, traffic=[], objectives=[], **more)
    probes = [probe or http("answers", "/health", "probe", tolerance=200)]
    return document | {"steady-state-hypothesis": {"title": "up", "probes": probes}}


def process(script: str, **provider: Any) -> Json:
    """An action that runs a shell script."""
    arguments = ["-c", script]
    return {"type": "action", "name": "script",
            "provider": {"type": "process", "path": "bash", "arguments": arguments, "timeout": 60, **provider}}  # fmt: skip


def whole(run: Run, service: Service, code: int) -> Json:
    """The run ended as it should: all undone, nothing open, a whole record, a journal as Chaos Toolkit writes it."""
    kept = record(run)
    assert kept["exit_code"] == code, kept["sentence"]
    assert not service.broken
    assert not Ledger(run.folder).outstanding()
    journal = json.loads((run.folder / "journal.json").read_text())
    assert set(journal) >= JOURNAL
    assert journal["status"] in ("completed", "failed", "aborted", "interrupted")
    assert all(
        {"activity", "output", "start", "end", "duration"} <= set(a) for a in journal["run"] + journal["rollbacks"]
    )
    return kept


def wait_for_break(run: Run, service: Service) -> None:
    run.until("activity", state="started")
    service.until_broken()
    time.sleep(0.1)  # a moment later it waits in whatever is busy


BREAK = http("break", "/break")
SLOW = python("break-and-wait", "break_and_wait", {"url": "${url}", "seconds": HANG_S})
BUSY: dict[str, list[Json]] = {
    "method": [SLOW],
    "process": [BREAK, process(f"sleep {HANG_S:g}")],
    "pause": [http("break", "/break", pauses={"after": HANG_S})],
    "background": [SLOW | {"background": True}, python("nothing", "nothing")],
}


# --- signals to the runner


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
@pytest.mark.parametrize("busy", BUSY)
def test_one_signal_stops_and_undoes(busy: str, number: signal.Signals, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=BUSY[busy])) as run:
        wait_for_break(run, service)
        run.process.send_signal(number)
        service.until_mended()
        assert run.finish() == 5
    kept = whole(run, service, 5)
    assert ("Ctrl-C" if number == signal.SIGINT else number.name) in kept["sentence"]
    assert run.named("abort")[0]["by"] == "person"


@pytest.mark.parametrize("busy", BUSY)
def test_more_signals_change_nothing(busy: str, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=BUSY[busy])) as run:
        wait_for_break(run, service)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            run.process.send_signal(number)
            time.sleep(0.05)
        assert run.finish() == 5
    whole(run, service, 5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_signals_after_the_verdict_leave_its_exit_code(
    number: signal.Signals, service: Service, tmp_path: Path
) -> None:
    with started(tmp_path, experiment(service, method=[BREAK])) as run:
        run.until("verdict")
        while run.process.poll() is None:
            run.process.send_signal(number)
            time.sleep(0.001)
        assert run.finish() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_signals_during_the_undo_do_not_stop_it(number: signal.Signals, service: Service, tmp_path: Path) -> None:
    slow = [python(n, "mend_loudly", {"url": "${url}", "seconds": 0.4}) for n in ("one", "two")]
    with started(tmp_path, experiment(service, method=[BREAK]) | {"rollbacks": slow}) as run:
        run.until("undo_step", what="one", state="started")
        for _ in range(2):
            run.process.send_signal(number)
            time.sleep(0.05)
        assert run.finish() == 5
    kept = whole(run, service, 5)
    assert [s["what"] for s in kept["undo"] if s["state"] == "undone"][-2:] == ["one", "two"]


def test_the_whole_group_is_interrupted_as_a_terminal_does_it(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[SLOW])) as run:
        wait_for_break(run, service)
        for pid in run.pids().values():
            with contextlib.suppress(ProcessLookupError):
                psutil.Process(pid).send_signal(signal.SIGINT)
        assert run.finish() == 5
    whole(run, service, 5)


@pytest.mark.parametrize("busy", BUSY)
def test_a_kill_leaves_it_to_the_survivors(busy: str, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=BUSY[busy])) as run:
        wait_for_break(run, service)
        run.process.kill()
        service.until_mended()
        whole(run, service, 7)


# --- Ctrl-C before anything was injected


def test_an_interruption_in_the_baseline_leaves_nothing(service: Service, tmp_path: Path) -> None:
    document = harness.experiment(service, method=[BREAK], windows=WINDOWS | {"baseline": "20s"})
    with started(tmp_path, document) as run:
        run.until("phase", phase="baseline")
        run.process.send_signal(signal.SIGINT)
        assert run.finish() == 130
        assert not run.folder.exists()
        time.sleep(1.0)
    assert service.get("/log") == "", "nothing was injected, so nothing is played back"
    assert not run.folder.exists()


def test_an_interruption_while_it_prepares_leaves_nothing(service: Service, tmp_path: Path) -> None:
    runs = tmp_path / "state" / "chaos-run" / "runs"
    with started(tmp_path, experiment(service, method=[BREAK])) as run:
        until(lambda: list(runs.glob("*/processes.json")), "it prepares", every_s=0.01)
        run.process.send_signal(signal.SIGINT)
        assert run.finish() == 130
    assert not list(runs.iterdir())
    assert service.get("/log") == ""


def test_a_run_that_a_script_put_into_the_background_hears_an_interruption_from_the_start() -> None:
    """Shells start such jobs deaf to SIGINT, and what comes before the run listens for itself would be lost."""
    said = (
        "from runner.cli import main; main.entry(['--version'], main.app, 'chaos-run');"
        "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    )
    shell = ["sh", "-c", 'trap \'\' INT; exec "$0" -c "$1"', sys.executable, said]
    done = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == "True"


def test_an_interruption_before_the_first_action_says_that_nothing_was_injected(
    service: Service, tmp_path: Path
) -> None:
    with started(tmp_path, experiment(service, method=[http("break", "/break", pauses={"before": HANG_S})])) as run:
        run.until("hypothesis", when="before")
        time.sleep(0.3)
        run.process.send_signal(signal.SIGINT)
        assert run.finish() == 130
    assert "nothing was injected" in run.verdict["sentence"]
    assert service.get("/log") == ""


# --- signals to the worker


@pytest.mark.parametrize(
    "number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name
)
@pytest.mark.parametrize("busy", ["method", "background"])
def test_a_signal_to_the_worker_ends_in_the_undo(
    busy: str, number: signal.Signals, service: Service, tmp_path: Path
) -> None:
    with started(tmp_path, experiment(service, method=BUSY[busy])) as run:
        wait_for_break(run, service)
        psutil.Process(run.pids()["worker"]).send_signal(number)
        service.until_mended()
        assert run.finish() == 7
    whole(run, service, 7)


def test_an_interrupt_to_the_worker_alone_is_not_heard(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[http("break", "/break", pauses={"after": 1})])) as run:
        wait_for_break(run, service)
        psutil.Process(run.pids()["worker"]).send_signal(signal.SIGINT)
        assert run.finish() == 0
    whole(run, service, 0)


# --- crashes and answers that nobody can read


def test_a_broken_service_that_answers_no_json_after_the_method(service: Service, tmp_path: Path) -> None:
    probe = http("reads", "/garbage", "probe", tolerance=200)
    document = experiment(service, method=[BREAK], probe=probe, hypothesis={"during": False})
    with started(tmp_path, document) as run:
        assert run.finish() == 1
    kept = whole(run, service, 1)
    assert (
        "the hypothesis did not hold after the method: reads: the answer says that it is JSON, and is not"
        in kept["sentence"]
    )


def test_a_broken_service_that_answers_no_json_during_the_method(service: Service, tmp_path: Path) -> None:
    probe = http("reads", "/garbage", "probe", tolerance=200)
    document = experiment(service, method=[http("break", "/break", pauses={"after": 5})], probe=probe)
    with started(tmp_path, document) as run:
        assert run.finish() == 1
    kept = whole(run, service, 1)
    assert "the hypothesis did not hold during the method" in kept["sentence"]
    assert "reads: the answer says that it is JSON, and is not" in kept["sentence"]


def test_a_range_against_nothing_before_the_method(service: Service, tmp_path: Path) -> None:
    probe = python("counts", "nothing_at_all", tolerance=[0, 5]) | {"type": "probe"}
    with started(tmp_path, experiment(service, method=[BREAK], probe=probe)) as run:
        assert run.finish() == 4
    whole(run, service, 4)
    assert "counts: nothing, expected 0 to 5" in run.verdict["sentence"]
    assert service.get("/log") == "", "the method was not begun, and nothing is played back"


def test_a_rollback_that_raises_and_one_that_exits_do_not_keep_the_others(service: Service, tmp_path: Path) -> None:
    raises = python("raises", "last_words", {"text": "cannot"})
    exits = python("exits", "leave", {"code": 3})
    document = experiment(service, method=[BREAK]) | {"rollbacks": [raises, exits, http("mend", "/mend")]}
    with started(tmp_path, document) as run:
        assert run.finish() == 6
    assert not service.broken
    kept = record(run)
    assert [(s["what"], s["state"]) for s in kept["undo"] if "processes" not in s["what"]] == [
        ("raises", "failed"),
        ("exits", "failed"),
        ("mend", "undone"),
    ]
    assert "SystemExit" in kept["sentence"]
    assert [r.what for r in Ledger(run.folder).outstanding()] == ["raises", "exits"]


def test_a_tolerance_probe_without_arguments_judges_all_the_same(service: Service, tmp_path: Path) -> None:
    nested = python("judges", "judge") | {"type": "probe", "name": "judges"}
    del nested["provider"]["arguments"]
    probe = http("answers", "/health", "probe", tolerance=nested)
    with started(tmp_path, experiment(service, method=[BREAK], probe=probe)) as run:
        assert run.finish() == 0
    whole(run, service, 0)


@pytest.mark.parametrize("func", ["unencodable", "odd_output"])
def test_an_output_that_json_cannot_hold_is_told_all_the_same(func: str, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[BREAK, python("odd", func)])) as run:
        assert run.finish() == 0
    whole(run, service, 0)
    assert run.named("injected")[-1]["fault"] == "odd"
    assert "bytes" in (run.folder / "journal.json").read_text()


@pytest.mark.parametrize("code", [0, 1, 20, 30])
def test_an_action_that_exits_is_no_way_out(code: int, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[BREAK, python("leaves", "leave", {"code": code})])) as run:
        assert run.finish() == 7
    whole(run, service, 7)


def test_a_crash_leaves_its_last_words_in_record_and_log(service: Service, tmp_path: Path) -> None:
    child = tmp_path / "child"
    crash = python("crashes", "leave_child_and_crash", {"pid_file": str(child)})
    with started(tmp_path, experiment(service, method=[BREAK, crash])) as run:
        assert run.finish() == 7
    kept = whole(run, service, 7)
    said = kept["sentence"] + str(kept["findings"])
    assert "the last words before the crash" in said
    assert "SIGSEGV" in said
    log = (run.folder / "worker.log").read_text()
    assert "the last words before the crash" in log
    assert "Segmentation fault" in log
    _end(child)


def test_an_action_that_leaves_a_thread_does_not_keep_the_method_from_ending(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[BREAK, python("leaves", "leave_thread")])) as run:
        assert run.finish() == 0
    whole(run, service, 0)
    assert run.named("undo_started")[0]["t"] < PATIENCE_S, "the thread ends long after that"


def test_an_action_that_reads_its_standard_input_finds_it_empty(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[BREAK, process("cat; echo read")])) as run:
        assert run.finish() == 0
    whole(run, service, 0)


# --- time-outs


def test_an_action_is_ended_by_its_own_timeout(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[SLOW | {"timeout": 1}, python("then", "nothing")])) as run:
        wait_for_break(run, service)
        ended = run.until("activity", state="failed")
        assert "timed out" in ended["error"]
        assert ended["t"] - run.named("activity")[0]["t"] < PATIENCE_S
        assert run.finish() == 4
    whole(run, service, 4)


@pytest.mark.parametrize(
    "action",
    [SLOW | {"timeout": 1, "background": True}, python("stubborn", "stubborn", {"seconds": HANG_S}, timeout=1)],
    ids=["background", "stubborn"],
)
def test_what_ignores_its_timeout_is_ended_by_the_runner(action: Json, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[BREAK, action])) as run:
        began = run.until("activity", activity=action["name"], state="started")
        aborted = run.until("abort")
        assert aborted["t"] - began["t"] < PATIENCE_S
        assert run.finish() == 7
    kept = whole(run, service, 7)
    assert action["name"] in kept["sentence"]


# --- grandchildren


def _grandchildren(tmp_path: Path, *, wait: bool) -> tuple[Json, list[Path]]:
    """An action that leaves two sleepers, one of them in a session of its own."""
    files = [tmp_path / "same-session", tmp_path / "own-session"]
    quiet = "" if wait else ">/dev/null 2>&1"
    script = f"sleep 1000 {quiet} & echo $! > {files[0]}; setsid sleep 1001 {quiet} & echo $! > {files[1]}"
    return process(script + ("; wait" if wait else "")), files


def _end(pid_file: Path) -> None:
    until(lambda: ended(int(pid_file.read_text())), f"the sleeper of {pid_file.name} has ended")


def test_grandchildren_end_with_the_run(service: Service, tmp_path: Path) -> None:
    action, files = _grandchildren(tmp_path, wait=False)
    with started(tmp_path, experiment(service, method=[BREAK, action])) as run:
        assert run.finish() == 0
    for file in files:
        _end(file)


@pytest.mark.parametrize("how", ["abort", "kill"])
def test_grandchildren_end_with_what_ended_the_run(how: str, service: Service, tmp_path: Path) -> None:
    action, files = _grandchildren(tmp_path, wait=True)
    with started(tmp_path, experiment(service, method=[BREAK, action])) as run:
        run.until("activity", activity="script", state="started")
        for file in files:
            text_of(file)
        if how == "abort":
            run.process.send_signal(signal.SIGTERM)
            assert run.finish() == 5
        else:
            run.kill("parent")
            service.until_mended()
            record(run)
    for file in files:
        _end(file)


# --- nobody listens any more


def test_a_reader_of_the_events_that_goes_away_does_not_keep_us_from_undoing(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[http("break", "/break", pauses={"after": 1})])) as run:
        wait_for_break(run, service)
        assert run.process.stdout is not None
        run.process.stdout.close()
        assert run.process.wait(PATIENCE_S) == 0
    whole(run, service, 0)


def test_a_rollback_that_prints_is_played_after_the_runner_was_killed(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_TOKEN", "hunter2-and-more")
    mend, fail = python("mend", "mend_loudly", {"url": "${url}"}), python("gives-away", "give_away_and_fail")
    for rollback in (mend, fail):
        rollback["provider"]["secrets"] = ["vaulted"]
    document = experiment(service, method=[SLOW]) | {
        "rollbacks": [mend, fail],
        "secrets": {"vaulted": {"token": {"type": "env", "key": "THE_TOKEN"}}},
    }
    with started(tmp_path, document) as run:
        wait_for_break(run, service)
        run.kill("parent")
        service.until_mended()
        kept = record(run)
    assert [(s["what"], s["state"]) for s in kept["undo"]] == [("mend", "undone"), ("gives-away", "failed")]
    assert kept["exit_code"] == 6
    leaked = [p for p in (tmp_path / "state").rglob("*") if p.is_file() and b"hunter2-and-more" in p.read_bytes()]
    assert not leaked
