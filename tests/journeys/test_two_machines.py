"""Two machines, two state folders, one record on a real PostgreSQL: one run on a target, and one stop lever for all."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from runner import units
from runner.store.database import BUSY_S
from tests.journeys import harness
from tests.journeys.harness import ROOT, Service, experiment, http, started
from tests.store.conftest import Server, postgres, server

__all__ = ["postgres", "server"]
ME = f"{units.user()} on {platform.node()}"


class Machine:
    """A state folder of its own; `use` makes it this process's and that of all it starts."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        folder.mkdir()

    def use(self) -> None:
        self._monkeypatch.setenv("XDG_STATE_HOME", str(self.folder))

    def chaos_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "XDG_STATE_HOME": str(self.folder)}
        command = [sys.executable, "-m", "runner", *arguments]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)

    def run(self, document: harness.Json) -> harness.Run:
        """A run from beginning to end."""
        self.use()
        with started(self.folder, document) as run:
            run.finish()
            run.last_words = run.stderr()
        return run


@pytest.fixture
def machines(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Machine, Machine]:
    monkeypatch.setenv("CHAOS_RUN_STORE", postgres)
    return Machine(tmp_path / "a", monkeypatch), Machine(tmp_path / "b", monkeypatch)


def test_what_runs_there_is_kept_off_told_and_stopped_from_here(
    service: Service, machines: tuple[Machine, Machine]
) -> None:
    there, here = machines
    traffic = [{"name": "front", "url": "${url}/", "rate": 50, "timeout": "1s"}]
    document = experiment(service, traffic=traffic, method=[http("break", "/break", pauses={"after": 60})])
    there.use()
    with started(there.folder, document) as run:
        felt = run.until("effective")
        name = run.events[0]["run"]

        refused = here.run(document)
        assert refused.process.returncode == 3
        assert f"held by run {name} of {ME} since 20" in refused.last_words
        assert f"chaos-run stop {name}" in refused.last_words

        noticed = here.chaos_run("ack", "--by", "bob", "--note", "pager rang")
        assert noticed.returncode == 0, noticed.stderr
        detected = run.until("detected")

        stopped = here.chaos_run("stop", "--reason", "enough")
        there.use()
        assert run.finish() == 5
    assert felt["t"] < detected["t"] < run.named("abort")[0]["t"], "it is dated by when it was said"
    assert stopped.returncode == 0, stopped.stderr
    assert f"{name} on {platform.node()}: stop requested, and received there" in stopped.stdout
    assert run.verdict["sentence"] in stopped.stdout
    assert f"stopped by {ME}: enough" in run.verdict["sentence"]
    assert run.named("undone")[0]["clean"]
    assert service.get("/log") == "/break /mend", "the second run never touched it, the first put it back"
    sources = [mark["source"] for mark in harness.record(run)["marks"] if mark["name"] == "acknowledged"]
    assert sources == [f"person: bob on {platform.node()}"]
    assert here.chaos_run("stop").returncode == 2, "nothing is live any more"


def test_a_dead_holder_counts_until_its_time_is_over_and_a_lost_lock_ends_the_run(
    service: Service, machines: tuple[Machine, Machine], postgres: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    there, here = machines
    method = [http("break", "/break", pauses={"after": 60})]
    unwatched: harness.Json = {"traffic": None, "objectives": None, "windows": None}  # what is locked is the same
    quick = experiment(service, method=[http("break", "/break")], **unwatched)
    with ExitStack() as stack, psycopg.connect(postgres, autocommit=True) as database:
        pool = stack.enter_context(ThreadPoolExecutor())
        other = stack.enter_context(harness.service(free_port()))
        elsewhere = experiment(other, method=method, **unwatched)
        elsewhere["extensions"][0]["service"] = "elsewhere"
        here.use()
        loser = stack.enter_context(started(tmp_path, elsewhere))
        there.use()
        dead = stack.enter_context(started(there.folder, experiment(service, method=method, **unwatched)))
        dead.until("injected")
        dead.process.kill()
        service.until_mended()  # its undoer lives
        name = dead.events[0]["run"]
        unheard = pool.submit(here.chaos_run, "stop", name)
        loser.until("injected")
        database.execute("UPDATE locks SET run = 'thief' WHERE run = %s", [loser.events[0]["run"]])

        refused = here.run(quick)
        assert refused.process.returncode == 3
        assert f"held by run {name} of" in refused.last_words
        again = there.run(quick)  # its own dead run was recovered before: nobody has to wait for it there
        assert again.named("injected"), again.last_words
        (warning,) = [f["message"] for f in again.named("finding") if "taken over" in f["message"]]
        assert name in warning

        assert there.chaos_run("recover").returncode == 0
        assert database.execute("SELECT run FROM live_runs WHERE run = %s", [name]).fetchone() is None

        database.execute("INSERT INTO live_runs VALUES (%s, 'h', 'p', 0, extract(epoch FROM now()) - 70)", [name])
        database.execute("INSERT INTO locks VALUES ('no cluster: journey', %s)", [name])
        after = here.run(quick)
        assert after.named("injected"), after.last_words
        assert [f for f in after.named("finding") if f"taken over from run {name} of p on h" in f["message"]]

        assert unheard.result().returncode == 7
        assert "has not answered within" in unheard.result().stderr
        assert loser.finish() == 7, "as for a lease that was lost"
        assert "was lost on the shared record to run thief" in loser.verdict["sentence"]
        assert not other.broken
        assert database.execute("SELECT count(*) FROM locks WHERE run <> 'thief'").fetchone() == (0,)


def test_a_record_that_hangs_is_not_in_the_way_of_the_undo(
    service: Service, machines: tuple[Machine, Machine], server: Server
) -> None:
    there, _ = machines
    there.use()
    document = experiment(
        service, method=[http("break", "/break", pauses={"after": 60})], traffic=None, objectives=None
    )
    with started(there.folder, document) as run:
        injected = run.until("injected")
        with server.hanging():
            run.process.send_signal(signal.SIGINT)
            undone = run.until("undone")
    assert undone["clean"]
    assert undone["t"] - injected["t"] < BUSY_S, "it waited for the record not even once"
    assert not service.broken
