"""Two machines, one record: whatever happens to its server, no verdict is lost."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.cli import main
from runner.engine.conclude import publish
from runner.engine.options import Options
from runner.engine.session import Session
from runner.rundir import paths
from runner.store import Store
from tests.engine.sessions import new_session
from tests.journeys import harness
from tests.store.conftest import Server
from tests.store.samples import record


def test_a_server_that_goes_away_in_the_middle_loses_no_verdict(
    server: Server, postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    """One run ends while the record's server is down, one after it is up again, stopped through it; both are on record in the end."""
    monkeypatch.setenv("CHAOS_RUN_STORE", postgres)
    with harness.service(free_port()) as one, harness.service(free_port()) as two:
        machines = [(tmp_path / "a", one, 3), (tmp_path / "b", two, 60)]
        documents = []
        for folder, service, seconds in machines:
            folder.mkdir()
            method = [harness.http("break", "/break", pauses={"after": seconds})]
            documents.append(harness.experiment(service, method=method))
            documents[-1]["extensions"][0]["service"] = folder.name
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "b"))
        with harness.started(tmp_path / "b", documents[1]) as long:
            long.until("injected")
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a"))
            with harness.started(tmp_path / "a", documents[0]) as short:
                short.until("injected")
                server.stop()
                try:
                    codes = [short.finish()]
                finally:
                    server.start()
                monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "c"))
                assert main.entry(["stop", long.events[0]["run"]], main.app, "chaos-run") == 0
                codes.append(long.finish())
                monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "b"))
    verdicts = [run.verdict["verdict"] for run in (short, long)]
    assert codes == [{"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 4, "ABORTED": 5}[v] for v in verdicts]
    (said,) = [f for f in short.named("finding") if "not on the record yet" in f["message"]]
    assert "127.0.0.1" in said["message"]
    assert not [f["message"] for f in long.named("finding") if "record" in f["message"]]

    with Store.open() as store:  # from machine b: a's run is still with a
        assert [run.run for run in store.list()] == [long.events[0]["run"]]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a"))
    with Store.open() as store:
        assert {run.run: run.verdict for run in store.list()} == {
            run.events[0]["run"]: run.verdict["verdict"] for run in (short, long)
        }
        assert "not on the record yet" in store.get(short.events[0]["run"]).findings[-1].message
    assert not list((tmp_path / "a" / "chaos-run" / "undelivered").iterdir())
    for command in (["history"], ["show"], ["metrics"], ["judge"], ["report", "--format", "md"]):
        assert main.entry(command, main.app, "chaos-run") in (0, long.process.returncode, short.process.returncode)


def test_a_lock_of_somebody_else_delays_the_end_for_a_while_and_costs_no_verdict(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.setattr("runner.store.database.BUSY_S", 0.5)
    Store.open(postgres).close()

    async def run() -> Session:
        session = new_session()
        ended = record(session.run, folder=str(session.folder))
        publish._kept(session, ended, Options(path="", store=postgres))
        session.leave()
        return session

    with psycopg.connect(postgres) as other:
        other.execute("SET idle_in_transaction_session_timeout = '60s'")  # lest it last for ever
        other.execute("LOCK TABLE runs IN EXCLUSIVE MODE")
        session = asyncio.run(run())
    (warning,) = session.findings
    assert "the verdict is not on the record yet" in warning.message
    assert "is locked by another process" in warning.message
    assert (session.folder / "record.json").exists()
    assert (paths.state_dir() / "undelivered" / session.run).exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    asked = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_during_the_run_does_not_cost_its_verdict(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(small_disk))
    with harness.service(free_port()) as service:
        method = [harness.http("break", "/break", pauses={"after": 1.5})]
        with harness.started(
            tmp_path, harness.experiment(service, method=method, traffic=None, objectives=None)
        ) as run:
            run.until("injected")
            with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(1000))
            code = run.finish()
        assert not service.broken
    assert "cannot be written: No space left on device" in " ".join(f["message"] for f in run.named("finding"))
    (small_disk / "filler").unlink()
    with Store.open() as store:
        kept = store.get("last")
    assert (kept.exit_code, kept.sentence) == (code, run.verdict["sentence"])
