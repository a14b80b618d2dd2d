"""The undo ledger survives crashes and is played last in, first out."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from runner.rundir.ledger import Ledger
from tests.waiting import PATIENCE_S


def test_records_are_outstanding_last_in_first_out(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for name in ("first", "second", "third"):
        ledger.open("uncordon", name, node=name)
    assert [r.what for r in ledger.outstanding()] == ["third", "second", "first"]


def test_what_is_undone_or_was_already_is_closed_and_what_failed_stays_open(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    records = [ledger.open("uncordon", str(n), node=str(n)) for n in range(3)]
    ledger.settle(records[0].number, "undone")
    ledger.settle(records[1].number, "failed", "no answer")
    ledger.settle(records[2].number, "already")
    assert [r.number for r in ledger.outstanding()] == [records[1].number]


def test_a_person_closes_what_is_open_and_only_after_whoever_is_undoing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    first, _ = ledger.open("uncordon", "first", node="a"), ledger.open("uncordon", "second", node="b")
    person = threading.Thread(target=lambda: Ledger(tmp_path).settle_by_hand("ada", "rebooted it"))
    with ledger.playing():
        person.start()
        person.join(0.3)
        assert person.is_alive()
        ledger.settle(first.number, "undone")
    person.join(PATIENCE_S)
    assert ledger.outstanding() == []
    assert [o["state"] for o in ledger.outcomes()] == ["undone", "by hand"]


def test_a_torn_last_line_loses_only_itself(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.open("uncordon", "kept", node="a")
    with ledger.path.open("a") as file:
        file.write('{"open": 2, "kind": "unco')
    after = ledger.open("uncordon", "written after the crash", node="b")
    assert [r.what for r in ledger.outstanding()] == ["written after the crash", "kept"]
    assert after.number == 2


def test_every_record_is_on_the_disk_when_open_returns(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from runner.rundir.ledger import Ledger\n"
        "Ledger(Path(sys.argv[1])).open('uncordon', 'before the change', node='a'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert [r.what for r in Ledger(tmp_path).outstanding()] == ["before the change"]


def test_only_one_player_plays_at_a_time(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.open("uncordon", "x", node="a")
    entered = threading.Event()

    def second() -> None:
        with Ledger(tmp_path).playing():
            entered.set()

    with ledger.playing():
        assert ledger.is_being_played()
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.2)
    thread.join(PATIENCE_S)
    assert entered.is_set()
    assert not ledger.is_being_played()


def test_a_record_that_a_full_disk_tears_is_an_error_and_no_other_goes_with_it(tmp_path: Path) -> None:
    Ledger(tmp_path).open("uncordon", "whole", node="a")
    script = (
        "import resource, sys; from pathlib import Path; from runner.rundir.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1])); room = ledger.path.stat().st_size + 20\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))\n"
        "try: ledger.open('uncordon', 'torn', node='b')\n"
        "except OSError: sys.exit(3)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == 3, "or the change would be made with nothing to put it back by"
    Ledger(tmp_path).open("uncordon", "there is room again", node="c")
    assert [r.what for r in Ledger(tmp_path).outstanding()] == ["there is room again", "whole"]
