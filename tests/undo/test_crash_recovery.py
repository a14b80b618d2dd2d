"""A run that somebody else closes: what is said of it ends where its runner and its prober did."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runner.chaostoolkit.journal import MESSAGES
from runner.process import messages
from runner.rundir import names
from runner.slo import sample
from runner.timeline.mark import Indicator
from runner.timeline.ttd_ttr import NEVER_MISSED
from runner.undo import crash_recovery
from tests.rundir.starts import start

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
INJECT: dict[str, Any] = {"event": "phase", "t": 10.0, "phase": "inject"}
INJECTED: dict[str, Any] = {"event": "injected", "t": 11.0, "fault": "kill", "targets": ["pod/a"], "error_s": 0.4}
FELT: dict[str, Any] = {"event": "effective", "t": 12.0, "indicator": "shop", "how": "", "error_s": 0.2}


def closed(folder: Path, *events: dict[str, Any], heartbeat_s: float | None = None, **more: Any) -> dict[str, Any]:
    """The record that was written the next day of a run whose runner told these events."""
    told = ({"at": (YESTERDAY + timedelta(seconds=e["t"])).isoformat(), "run": "dead", **e} for e in events)
    (folder / names.EVENTS).write_text("".join(json.dumps(e) + "\n" for e in told))
    if heartbeat_s is not None:
        head = sample.HEADER.pack(sample.MAGIC, 0, 0, 0, round(heartbeat_s * 1e9), 10.0, 1.0)
        (folder / "shop.tape").write_bytes(head)
    shop = Indicator(name="shop", url="http://shop", rate=10, timeout_s=1, tape="shop.tape")
    begun = start(folder, started_at=YESTERDAY, indicators=(shop,), **more)
    assert crash_recovery.finish(folder, begun, late=True)
    kept: dict[str, Any] = json.loads((folder / names.RECORD).read_text())
    return kept


def times(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[key] for key in ("ttd_s", "ttd_censored", "ttr_s", "ttr_censored"))


def test_nobody_watched_after_the_last_that_runner_and_prober_did(tmp_path: Path) -> None:
    record = closed(tmp_path, INJECT, INJECTED, FELT, heartbeat_s=15.0)
    assert times(record) == (3.0, True, 3.0, True)
    assert (record["ttd_error_s"], record["ttr_error_s"]) == (0.2, 0.2)
    assert {m["name"]: m["error_s"] for m in record["marks"] if m["name"] in ("injected", "effective")} == {
        "injected": 0.4,
        "effective": 0.2,
    }
    assert "what users felt and who noticed is not known from 15s on" in record["findings"][0]["message"]


def test_without_a_tape_it_is_the_last_word_of_the_runner(tmp_path: Path) -> None:
    assert times(closed(tmp_path, INJECT, INJECTED, FELT)) == (0.0, True, 0.0, True)


def test_a_survivor_that_died_as_well_does_not_count_as_the_runner(tmp_path: Path) -> None:
    died = {"event": "abort", "t": 500.0, "by": "runner", "sentence": crash_recovery.DIED}
    later = {"event": "undo_started", "t": 500.1, "steps": 0}
    assert times(closed(tmp_path, INJECT, INJECTED, FELT, died, later, heartbeat_s=15.0)) == (3.0, True, 3.0, True)


RECOVERED: dict[str, Any] = {"event": "recovered", "t": 32.0, "stable_s": 5.0, "error_s": 0.5, "missed": True}
UNDO: dict[str, Any] = {"event": "undo_started", "t": 30.0, "steps": 0}


def test_a_recovery_that_the_runner_told_is_kept_with_its_own_error(tmp_path: Path) -> None:
    record = closed(tmp_path, INJECT, INJECTED, FELT, UNDO, RECOVERED | {"unmeasured_s": 3.0}, heartbeat_s=40.0)
    assert times(record) == (28.0, True, 20.0, False)
    assert record["ttr_error_s"] == pytest.approx(0.7)
    (recovered,) = (m for m in record["marks"] if m["name"] == "recovered")
    assert (recovered["error_s"], recovered["unmeasured_s"]) == (0.5, 3.0)


def test_an_abort_of_the_runner_s_own_ended_the_fault(tmp_path: Path) -> None:
    guard = {"event": "abort", "t": 29.0, "by": "guard", "sentence": "5 % bad"}
    record = closed(tmp_path, INJECT, INJECTED, FELT, guard, UNDO, RECOVERED, heartbeat_s=40.0)
    assert times(record) == (17.0, True, 17.0, True)


def test_users_who_were_never_below_an_objective_did_not_recover_at_once(tmp_path: Path) -> None:
    record = closed(tmp_path, INJECT, INJECTED, FELT, UNDO, RECOVERED | {"missed": False}, heartbeat_s=40.0)
    assert times(record) == (28.0, True, None, False)
    assert NEVER_MISSED in {m["source"] for m in record["marks"]}


METHOD: dict[str, Any] = {
    "method": [
        {"type": "action", "name": "a", "provider": {"type": "python", "module": "os", "func": "getpid"}},
        {"type": "probe", "name": "p", "provider": {"type": "python", "module": "os", "func": "getpid"}},
        {"type": "action", "name": "b", "provider": {"type": "process", "path": "/bin/true"}},
    ]
}
HEARD: dict[str, Any] = {"event": "activity", "t": 10.5, "activity": "a", "kind": "action", "state": "started"}
OWNERS = {"a": "system", "b": "nobody"}
B = ("the action 'b' may have been begun, and has no undo: revert its change by hand", "process actions")


def said_of_b(record: dict[str, Any]) -> tuple[bool, bool]:
    """Whether it is said that it has no undo, and that nobody looked for what it did."""
    return B[0] in [f["message"] for f in record["findings"]], B[1] in record["way_back"]["sentence"]


def test_an_action_that_may_have_been_begun_after_the_runner_s_last_word_is_not_left_out(tmp_path: Path) -> None:
    record = closed(tmp_path, INJECT, HEARD, document=METHOD, owners=OWNERS)
    assert said_of_b(record) == (True, True)


@pytest.mark.parametrize("how", ["the next phase", "the worker's last word"])
def test_an_action_that_was_never_begun_when_the_method_ended_is_not_spoken_of(tmp_path: Path, how: str) -> None:
    over = [{"event": "phase", "t": 20.0, "phase": "undo"}] if how == "the next phase" else []
    if not over:
        last = messages.NOTED.encode(messages.Finished(status="failed", deviated=False))
        (tmp_path / MESSAGES).write_text(json.dumps(last) + "\n")
    record = closed(tmp_path, INJECT, HEARD, *over, document=METHOD, owners=OWNERS)
    assert said_of_b(record) == (False, False)


def test_a_run_that_died_before_its_method_began_no_action(tmp_path: Path) -> None:
    record = closed(tmp_path, {**INJECT, "phase": "baseline"}, document=METHOD, owners=OWNERS)
    assert record["way_back"]["put_back"] == "nothing"
