"""What is told of a run after it: by a survivor, late by whoever comes next, and what nobody could be told is kept."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.app import orphan_notice
from runner.notify import delivery_log as messages
from runner.process import orphans
from runner.rundir import start_message
from runner.rundir.ledger import Ledger
from runner.rundir.names import PROCESSES, RECORD
from runner.undo import pending
from tests.notify.receiver import receiver
from tests.report import made
from tests.rundir.starts import start

CLOSED = {"closed_by": "survivor 7"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder with a channel's file beside it."""
    told = {"channels": [{"name": "chat", "webhook": "${CHAT}", "levels": ["critical", "warning"]}]}
    (tmp_path / "notify.yaml").write_text(json.dumps(told))
    (tmp_path / "r1").mkdir()
    return tmp_path / "r1"


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, *, late: bool = True, **changes: Any) -> str:
    record = made.record(run="r1", **changes)
    (folder / "record.json").write_text(json.dumps(record.to_json()))
    with receiver() as chat:
        monkeypatch.setenv("CHAT", chat.url)
        orphan_notice.tell(str(folder.parent / "notify.yaml"), folder, late=late)
        return "\n".join(body["text"] for body in chat.bodies())


def test_a_survivor_says_that_the_runner_died(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "the runner died; everything was put back"
    said = told(folder, monkeypatch, late=False, environment=CLOSED, verdict="ENVIRONMENT", sentence=sentence)
    assert said.endswith(f": {sentence} (run r1)")
    assert said.startswith("[warning]")


def test_late_is_called_late_and_reckoned_from_the_last_that_the_runner_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [
        {"event": "injected", "at": "2026-11-24T12:03:10.000Z", "t": 9.0, "run": "r1"},
        {"event": "abort", "at": "2026-11-24T15:00:00.000Z", "t": 9999.0, "run": "r1", "by": "runner"},
        {"event": "undone", "at": "2026-11-24T15:00:01.000Z", "t": 9999.0, "run": "r1", "residue": ["node n1"]},
    ]
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    said = told(folder, monkeypatch, environment=CLOSED)
    assert said.startswith("[critical]")
    assert (
        "NOT everything was put back: node n1. Sent late: the last sign of life of the runner was at 2026-11-24T12:03:10.000Z"
        in said
    )


def test_a_failed_undo_is_told_again_until_it_is_put_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(folder)
    ledger.open("rollback", "uncordon n1", index=0)
    assert "still NOT put back, " in (said := told(folder, monkeypatch, verdict="UNDO_FAILED"))
    assert said.endswith("after the run: uncordon n1 (run r1)")
    ledger.settle(1, "undone")
    said = told(folder, monkeypatch, verdict="UNDO_FAILED")
    assert said.startswith("[warning]")
    assert "put back now, " in said


def test_what_cannot_be_told_for_want_of_settings_is_kept_with_its_reason(folder: Path) -> None:
    (folder / "record.json").write_text(json.dumps(made.record(environment=CLOSED).to_json()))
    assert not orphan_notice.tell(str(folder.parent / "notify.yaml"), folder, late=True)
    (line,) = messages.read(folder)
    assert (line["event"], line["channel"], line["delivered"]) == ("runner_died", "all", False)
    assert "${CHAT} is not set" in line["error"]


def test_what_its_teller_could_not_tell_a_later_start_tells_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The teller died on its way: all is put back and on record, and only the mail has gone out."""
    channels = [{"name": name, "webhook": "${CHAT}", "levels": ["critical", "warning"]} for name in ("mail", "chat")]
    (folder.parent / "notify.yaml").write_text(json.dumps({"channels": channels}))
    mailed = {"event": "runner_died", "level": "warning", "channel": "mail", "delivered": True}
    (folder / messages.FILE).write_text(json.dumps(mailed) + "\n")
    call = [sys.executable, "-P", "-m", "runner.app.orphan_notice", str(folder.parent / "notify.yaml")]
    start_message.save(start(folder, cwd=str(folder), experiment="x.json", afterwards=tuple(call)), durable=False)
    (folder / RECORD).write_text(json.dumps(made.record(run="r1", environment=CLOSED).to_json()))
    (folder / PROCESSES).write_text(json.dumps({"parent": {"pid": 2**22 + 1, "create_time": 1.0}}))
    orphans.owe(folder)
    assert _next_start(folder) == 1, "without ${CHAT} it cannot be told either"
    assert pending.find(folder.parent) == [], "not tried again at once"
    with receiver() as chat:
        monkeypatch.setenv("CHAT", chat.url)
        assert [_next_start(folder) for _ in range(2)] == [1, 0]
    (body,) = chat.bodies()
    assert "Sent late" in body["text"]
    assert not (folder / PROCESSES).exists(), "it is never looked at again"


def _next_start(folder: Path) -> int:
    """A minute later; how many runs it has something to do for. None of them stops it."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(folder / orphans.TELLING, (0, 0))
    found = pending.find(folder.parent)
    assert all(pending.recover(run) for run in found)
    return len(found)
