"""What a start finds of the runs before it: those of dead runners with something to put back, and no other."""

from __future__ import annotations

import json
from pathlib import Path

from runner.rundir.ledger import Ledger
from runner.rundir.names import PROCESSES, RECORD, START
from runner.undo import pending


def left(runs: Path, name: str, *, record: bool, outstanding: bool) -> Path:
    """The folder of a run whose runner is dead."""
    folder = runs / name
    folder.mkdir(parents=True)
    (folder / PROCESSES).write_text(json.dumps({"parent": {"pid": 2**22 + 1, "create_time": 1.0}}))
    (folder / START).write_text(json.dumps({"context": "kind-a"}))
    ledger = Ledger(folder)
    ledger.open("rollback", "mend", index=0)
    if not outstanding:
        ledger.settle_all("already", but=lambda record: False)
    if record:
        (folder / RECORD).write_text("{}")
    return folder


def test_a_run_is_unfinished_without_its_record_or_with_something_open(tmp_path: Path) -> None:
    left(tmp_path, "1", record=False, outstanding=True)
    left(tmp_path, "2", record=True, outstanding=True)
    left(tmp_path, "3", record=False, outstanding=False)
    left(tmp_path, "4", record=True, outstanding=False)
    found = pending.find(tmp_path)
    assert [(run.run, run.context, run.outstanding) for run in found] == [
        ("1", "kind-a", ("mend",)),
        ("2", "kind-a", ("mend",)),
        ("3", "kind-a", ()),
    ]
    assert pending.find(tmp_path) == found, "what is unfinished stays so until it is put back"


def test_a_finished_run_is_read_once_and_never_again(tmp_path: Path) -> None:
    done = left(tmp_path, "1", record=True, outstanding=False)
    assert pending.find(tmp_path) == []
    assert not (done / PROCESSES).exists()
    (done / START).write_text("would fail to be read")
    assert pending.find(tmp_path) == []


def test_a_start_message_that_the_machine_lost_stops_nobody_unless_something_was_changed(tmp_path: Path) -> None:
    harmless = left(tmp_path, "1", record=False, outstanding=False)
    broken = left(tmp_path, "2", record=False, outstanding=True)
    for folder in (harmless, broken):
        (folder / START).write_text("")
    assert [run.run for run in pending.find(tmp_path)] == ["2"]
