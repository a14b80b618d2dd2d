"""A store survives crashes, other writers and other versions, and says what is wrong in one sentence."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from runner import errors
from runner.store import Store, migrations
from tests.store.samples import record
from tests.waiting import until

NEXT = migrations.NEWEST + 1
SAVING = """
import sys
from runner.store import Store
from tests.store.samples import record
store = Store.open(sys.argv[1])
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    store.save(record(f"{sys.argv[2]}-{number:05}"), [{"event": "phase", "at": "x", "t": 0.0, "phase": str(n)} for n in range(200)])
"""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "record.db" if request.param == "sqlite" else request.getfixturevalue("postgres"))


def saver(path: str, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SAVING, path, name, str(count)], stdout=subprocess.PIPE)


def test_two_processes_may_start_and_write_at_once(url: str) -> None:
    processes = [saver(url, name, 20) for name in ("a", "b")]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    with Store.open(url) as store:
        assert len(store.list()) == 40
        assert all(len(store.events(run.run)) == 200 for run in store.list(limit=5))


def test_a_process_killed_while_it_saves_leaves_whole_runs_only(url: str) -> None:
    process = saver(url, "a", 100_000)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        with Store.open(url) as store:
            until(lambda: len(store.list(limit=5)) == 5, "it saves")
        time.sleep(random.uniform(0.0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Store.open(url) as store:
        runs = store.list()
        assert runs
        assert all(len(store.events(run.run)) == 200 and store.get(run.run).run == run.run for run in runs)
        store.save(record("afterwards"), [])
        assert store.get("afterwards").run == "afterwards"


def test_a_server_that_drops_us_in_the_middle_of_a_save_leaves_nothing_half(postgres: str) -> None:
    import psycopg

    with Store.open(postgres) as store, psycopg.connect(postgres, autocommit=True) as other:

        def drop() -> None:
            with store._database.write() as writer:
                writer.execute("INSERT INTO records VALUES ('half', '{}')", {})
                other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

        with pytest.raises(errors.EnvironmentFailure, match="cannot be used"):
            drop()  # it is the commit that fails
        assert store._database.read("SELECT * FROM records", {}) == []
        store.save(record("whole"), [])
        assert store.get("last") == record("whole")


FULL = """
import resource, sys
from runner import errors
from runner.store import Store
from tests.store.samples import record
with Store.open(sys.argv[1]) as store:
    store.save(record("before"), [])
    import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        store.save(record("big"), [{"event": "phase", "at": "x", "t": 0.0, "text": "x" * 1000} for _ in range(2000)])
    except errors.EnvironmentFailure as problem:
        print(problem.message, "|", problem.hint)
"""


def test_a_full_disk_says_so_and_spoils_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "record.db")
    done = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "make room" in done.stdout
    with Store.open(path) as store:
        assert [run.run for run in store.list()] == ["before"]


READ_ONLY = """
import os, sys, sqlalchemy.dialects.sqlite  # root's own modules are closed to others
from runner import errors
from runner.store import Store
from tests.store.samples import record
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
with Store.open(sys.argv[1]) as store:
    print([run.run for run in store.list()])
    try:
        store.save(record("new"), [])
    except errors.EnvironmentFailure as problem:
        print(problem.message, "|", problem.hint)
"""


def test_a_read_only_record_is_read_and_says_that_it_cannot_be_written() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        path = Path(folder, "record.db")
        with Store.open(str(path)) as store:
            store.save(record("old"), [])
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        command = [sys.executable, "-c", READ_ONLY, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        Path(folder).chmod(0o755)
    assert "['old']" in done.stdout, done.stderr
    assert "is read-only | make it writable" in done.stdout


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.db"
    with Store.open(str(path)) as store:
        store.save(record("old"), [])
    monkeypatch.setitem(
        migrations.STEPS, NEXT, ("ALTER TABLE runs ADD COLUMN colour TEXT", "UPDATE runs SET colour = 'blue'")
    )
    monkeypatch.setattr(migrations, "NEWEST", NEXT)
    for _ in range(2):  # the second time there is nothing to do
        with Store.open(str(path)) as store:
            assert store.get("old") == record("old")
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT colour FROM runs").fetchall() == [("blue",)]
        assert raw.execute("SELECT version FROM schema_versions ORDER BY 1").fetchall() == [
            (number,) for number in range(1, NEXT + 1)
        ]
    raw.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.db"
    Store.open(str(path)).close()
    with monkeypatch.context() as broken:
        broken.setitem(migrations.STEPS, NEXT, ("CREATE TABLE half (x TEXT)", "no SQL at all"))
        broken.setattr(migrations, "NEWEST", NEXT)
        with pytest.raises(errors.EnvironmentFailure):
            Store.open(str(path))
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    assert raw.execute("SELECT max(version) FROM schema_versions").fetchone() == (NEXT - 1,)
    raw.close()


def test_a_newer_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    Store.open(str(path)).close()
    raw = sqlite3.connect(path)
    raw.execute("INSERT INTO schema_versions VALUES (99, 'later')")
    raw.commit()
    raw.close()
    with pytest.raises(errors.EnvironmentFailure, match=r"newer chaos-run \(schema 99"):
        Store.open(str(path))


def test_a_file_of_another_kind_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    path.write_text("these are notes of mine, not a database at all\n" * 40, encoding="utf-8")
    with pytest.raises(errors.EnvironmentFailure, match="not a record of ours"):
        Store.open(str(path))
    assert path.read_text(encoding="utf-8").startswith("these are notes")


def test_a_record_that_somebody_holds_locked_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.store.database.BUSY_S", 0.1)
    path = tmp_path / "record.db"
    Store.open(str(path)).close()
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    with Store.open(str(path)) as store, pytest.raises(errors.EnvironmentFailure, match="locked by another process"):
        store.save(record("r"), [])
    raw.close()


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(errors.EnvironmentFailure, match="record"):
        Store.open(str(tmp_path / "file" / "record.db"))


@pytest.mark.parametrize("url", ["nonsense://host/x", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_be_one_is_a_usage_error(url: str) -> None:
    with pytest.raises(errors.UsageError):
        Store.open(url)


def test_a_server_that_does_not_answer_is_named_without_its_password(free_port: object) -> None:
    assert callable(free_port)
    with pytest.raises(errors.EnvironmentFailure) as raised:
        Store.open(f"postgresql://me:hunter22@127.0.0.1:{free_port()}/chaos")
    assert "127.0.0.1" in raised.value.message
    assert "hunter22" not in raised.value.message
