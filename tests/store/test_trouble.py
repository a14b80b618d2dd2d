"""A store survives crashes, other writers and other versions, and says what is wrong in one sentence."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner import errors
from runner.store import Store, migrations
from tests.store.samples import record

SAVING = """
import sys
from runner.store import Store
from tests.store.samples import record
store = Store.open(sys.argv[1])
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    store.save(record(f"{sys.argv[2]}-{number:05}"), [{"event": "phase", "at": "x", "t": 0.0, "phase": str(n)} for n in range(200)])
"""


def saver(path: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SAVING, str(path), name, str(count)], stdout=subprocess.PIPE)


def test_two_processes_may_start_and_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    processes = [saver(path, name, 20) for name in ("a", "b")]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    with Store.open(str(path)) as store:
        assert len(store.list()) == 40
        assert all(len(store.events(run.run)) == 200 for run in store.list(limit=5))


def test_a_process_killed_while_it_saves_leaves_whole_runs_only(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    process = saver(path, "a", 100_000)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Store.open(str(path)) as store:
        runs = store.list()
        assert runs
        assert all(len(store.events(run.run)) == 200 and store.get(run.run).run == run.run for run in runs)
        store.save(record("afterwards"), [])
        assert store.get("afterwards").run == "afterwards"


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.db"
    with Store.open(str(path)) as store:
        store.save(record("old"), [])
    monkeypatch.setitem(
        migrations.STEPS, 3, ("ALTER TABLE runs ADD COLUMN colour TEXT", "UPDATE runs SET colour = 'blue'")
    )
    monkeypatch.setattr(migrations, "NEWEST", 3)
    for _ in range(2):  # the second time there is nothing to do
        with Store.open(str(path)) as store:
            assert store.get("old") == record("old")
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT colour FROM runs").fetchall() == [("blue",)]
        assert raw.execute("SELECT version FROM schema_versions ORDER BY 1").fetchall() == [(1,), (2,), (3,)]
    raw.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.db"
    Store.open(str(path)).close()
    with monkeypatch.context() as broken:
        broken.setitem(migrations.STEPS, 3, ("CREATE TABLE half (x TEXT)", "no SQL at all"))
        broken.setattr(migrations, "NEWEST", 3)
        with pytest.raises(errors.EnvironmentFailure):
            Store.open(str(path))
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    assert raw.execute("SELECT max(version) FROM schema_versions").fetchone() == (2,)
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
