"""A GameDay hears people between its steps too: the stop, from any terminal and any machine, and what they say of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest

from gameday import record
from tests.journeys.harness import ROOT, Service, experiment, http
from tests.store.conftest import postgres, server

__all__ = ["postgres", "server"]
SCENARIO = """\
title: A day with a gap
service: journey
roles:
  owner: {may_stop: true}
  operator: {}
steps:
  - {name: first, experiment: first.json, recover_within: 5s}
  - {name: second, experiment: second.json, at: 10m}
goals: {recovery: wanted, detection: wanted}
"""


def chaos_run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )


class Day:
    """A `gameday run` process, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def until(self, words: str) -> str:
        """Wait for a line with these words."""
        while True:
            line = self._lines.get(timeout=30)
            self.said.append(line)
            if words in line:
                return line

    def finish(self) -> int:
        return self.process.wait(30)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)


@contextmanager
def playing(folder: Path, service: Service, *, held_s: float = 0.5) -> Iterator[Day]:
    """A day whose first step begins at once, and whose second one is ten minutes away."""
    for name in ("first", "second"):
        document = experiment(service, method=[http("break", "/break", pauses={"after": held_s})])
        (folder / f"{name}.json").write_text(json.dumps(document))
    (folder / "day.yaml").write_text(SCENARIO)
    command = [
        Path(sys.executable).with_name("gameday"),
        "run",
        folder / "day.yaml",
        "--plain",
        "--out",
        folder / "out",
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        yield Day(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_between_its_steps_a_day_keeps_what_people_say_and_is_stopped_by_anybody(
    service: Service, tmp_path: Path
) -> None:
    with playing(tmp_path, service) as day:
        day.until("next: second in")
        name = record.read("last").id
        noted = chaos_run("note", "the dashboard was green", "--by", "ann")
        assert noted.returncode == 0, noted.stderr
        assert name in noted.stdout
        day.until("ann noted: the dashboard was green")
        assert [said.text for said in record.read("last").said] == ["the dashboard was green"], "on disk at once"
        stopped = chaos_run("stop", "--reason", "enough for today")
        assert day.finish() == 5
    assert stopped.returncode == 0, stopped.stderr
    assert f"{name}: stopped by" in stopped.stdout
    assert "never begun: second" in stopped.stdout
    assert service.get("/log") == "/break /mend", "the second step was never begun"
    kept = record.read(name)
    assert (kept.state, kept.verdict, [s.name for s in kept.steps]) == ("stopped", "ABORTED", ["first"])
    assert [said.kind for said in kept.said] == ["note", "stop"]
    assert "ann noted: the dashboard was green" in (tmp_path / "out" / f"{name}.md").read_text()
    assert chaos_run("stop").returncode == 2, "nothing is live any more"


def test_a_stopped_day_stops_the_step_that_runs_and_its_notes_are_in_the_summary(
    service: Service, tmp_path: Path
) -> None:
    with playing(tmp_path, service, held_s=60) as day:
        day.until("injected")
        assert service.broken
        name = record.read("last").id
        assert chaos_run("note", "users complain", "--by", "bob").returncode == 0
        stopped = chaos_run("stop", name)
        assert day.finish() == 5
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert not service.broken
    kept = record.read(name)
    (step,) = kept.steps
    assert (step.verdict, kept.state) == ("ABORTED", "stopped")
    assert ("note", "bob", "users complain") in [(said.kind, said.by, said.text) for said in step.said]
    assert "bob noted: users complain" in (tmp_path / "out" / f"{name}.md").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_between_two_steps_ends_the_day_in_order(number: int, service: Service, tmp_path: Path) -> None:
    with playing(tmp_path, service) as day:
        day.until("next: second in")
        day.process.send_signal(number)
        assert day.finish() == 5
    kept = record.read("last")
    assert (kept.state, kept.verdict) == ("stopped", "ABORTED")
    assert list((tmp_path / "out").glob("*.md")), "with its summary"


def test_a_day_is_stopped_from_another_machine_that_shares_its_record(
    service: Service, tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAOS_RUN_STORE", postgres)
    with playing(tmp_path, service) as day:
        day.until("next: second in")
        name = record.read("last").id
        stopped = chaos_run("stop", name, "--reason", "from afar", XDG_STATE_HOME=str(tmp_path / "elsewhere"))
        assert day.finish() == 5
    assert stopped.returncode == 0, stopped.stderr
    assert "stop requested, and received there" in stopped.stdout
    assert "from afar; " in stopped.stdout
    assert service.get("/log") == "/break /mend", "the second step was never begun"
