"""ack and stop reach a run that is live, and say so when it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from runner.cli.main import app, entry
from runner.rundir import inbox, paths
from runner.store import Store
from tests.store.samples import record
from tests.waiting import until

RUNNER = """
import json, sys, time
from pathlib import Path
from runner.rundir.inbox import Inbox
folder = Path(sys.argv[1])
box = Inbox(folder)
print("ready", flush=True)
while not any(m["kind"] == "stop" for m in box.poll()):
    time.sleep(0.01)
(folder / ".aside").write_text(sys.argv[2])
(folder / ".aside").replace(folder / "record.json")
"""


def chaos_run(*arguments: str) -> int:
    return entry(arguments, app, "chaos-run")


def a_run(name: str, pid: int) -> Path:
    folder = paths.runs_dir() / name
    folder.mkdir()
    born = psutil.Process(pid).create_time()
    (folder / "processes.json").write_text(json.dumps({"parent": {"pid": pid, "create_time": born}}), encoding="utf-8")
    return folder


@pytest.fixture
def stoppable() -> Iterator[Path]:
    """A live run whose runner ends with undo failed when it is told to stop."""
    folder = paths.runs_dir() / "20261124-120000-aaaa"
    final = record(folder.name, verdict="UNDO_FAILED", exit_code=6, sentence="UNDO_FAILED: a node is still cordoned")
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(folder), json.dumps(final.to_json())], stdout=subprocess.PIPE
    )
    a_run(folder.name, runner.pid)
    assert runner.stdout is not None
    with runner.stdout:
        runner.stdout.readline()
        yield folder
    runner.kill()
    runner.wait()


def test_ack_tells_the_only_live_run(capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_run("20261124-120000-aaaa", os.getpid())
    before = time.monotonic_ns()
    assert chaos_run("ack", "--by", "ann", "--note", "checkout is slow") == 0
    (message,) = inbox.Inbox(folder).poll()
    assert (message["kind"], message["by"], message["note"]) == ("ack", "ann", "checkout is slow")
    assert before <= message["mono_ns"] <= time.monotonic_ns()
    assert "detected by ann" in capsys.readouterr().out


def test_ack_asks_which_when_several_are_live() -> None:
    folders = [a_run(f"20261124-12000{n}-aaaa", os.getpid()) for n in range(2)]
    assert chaos_run("ack") == 2
    assert [inbox.Inbox(folder).poll() for folder in folders] == [[], []]
    assert chaos_run("ack", "last") == 0
    assert [len(inbox.Inbox(folder).poll()) for folder in folders] == [0, 1]


def test_stop_waits_for_the_end_and_tells_what_was_left(stoppable: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos_run("stop", "--reason", "enough") == 6
    said = capsys.readouterr()
    assert "a node is still cordoned" in said.out
    assert "left behind: node n1 is cordoned" in said.err


def test_stop_gives_up_waiting_but_has_told_the_run() -> None:
    folder = a_run("20261124-120000-aaaa", os.getpid())
    assert chaos_run("stop", "--timeout", "200ms") == 7
    assert [m["kind"] for m in inbox.Inbox(folder).poll()] == ["stop"]


def test_stop_without_a_name_stops_all(stoppable: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = a_run("20261124-120001-aaaa", os.getpid())
    assert chaos_run("stop", "--timeout", "3s") == 6
    assert [m["kind"] for m in inbox.Inbox(other).poll()] == ["stop"]
    assert (stoppable / "record.json").exists()


def test_a_dead_runner_is_named_and_leads_to_recover(capsys: pytest.CaptureFixture[str]) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    a_run("20261124-120000-aaaa", process.pid)
    process.kill()
    process.communicate()
    assert chaos_run("stop") == 7
    assert "chaos-run recover" in capsys.readouterr().err
    assert chaos_run("ack") == 7


def test_nothing_live_is_a_usage_error() -> None:
    assert chaos_run("stop") == 2
    assert chaos_run("ack") == 2


@pytest.mark.parametrize(("untouched", "code"), [(True, 0), (False, 7)])
def test_a_run_elsewhere_that_left_no_verdict_is_harmless_only_where_it_said_so(
    untouched: bool, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "shared.db")

    def ends_when_told() -> None:
        with Store.open(path) as own:
            own.presence.acknowledge(until(lambda: own.presence.hear("r"), "it is told"))
            own.presence.leave("r", {} if untouched else None)

    with Store.open(path) as store, ThreadPoolExecutor() as pool:
        store.presence.appear("r", "host-a", "ann")
        there = pool.submit(ends_when_told)
        assert chaos_run("stop", "r", "--store", path) == code
        there.result()
    said = capsys.readouterr()
    assert ("before anything was injected" in said.out) is untouched
    assert ("without a verdict; run on host-a" in said.err) is not untouched
