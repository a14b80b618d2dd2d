"""The drill is a region on the team's dashboards: it begins with the fault, ends with the undo, and says how it went."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from runner.experiment.annotating import Grafana
from runner.notify import delivery_log
from runner.notify.annotations import Annotations
from runner.timeline.event import Event, Name
from tests.notify.grafana import TOKEN, Drawn, grafana

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOON_MS = 1795521600000


def _event(name: Name, t: float, **fields: Any) -> Event:
    return Event(event=name, at=NOON + timedelta(seconds=t), mono_ns=1, t=t, run="r1", fields=fields)


BEGUN = (
    _event(Name.RUN_STARTED, 0, title="pod-kill", service="shop", by="ann"),
    _event(Name.ACTIVITY, 9, activity="look", kind="probe", state="started"),
    _event(Name.ACTIVITY, 10, activity="kill", kind="action", state="started"),
    _event(Name.ACTIVITY, 11, activity="kill", kind="action", state="succeeded"),
)
ENDED = (
    _event(Name.UNDONE, 30, clean=True, residue=[]),
    _event(Name.VERDICT, 60, verdict="PASS", sentence="all held"),
)


def _drawn(there: Drawn, folder: Path, *events: Event, **more: Any) -> Annotations:
    (folder / "runs" / "r1").mkdir(parents=True, exist_ok=True)
    team = Grafana(name="team", grafana=there.url, token=TOKEN, **more)
    drawn = Annotations([team], folder / "runs", folder / "open")
    drawn.open()
    for event in events:
        drawn.hear(event)
    drawn.close()
    return drawn


def test_a_drill_is_a_region_from_its_first_action_until_all_is_put_back(tmp_path: Path) -> None:
    with grafana() as there:
        drawn = _drawn(there, tmp_path, *BEGUN, *ENDED, dashboard="abc", tags=("drill",))
    assert drawn.failed == []
    (found,) = there.annotations
    assert (found["time"], found["timeEnd"]) == (NOON_MS + 10_000, NOON_MS + 30_000)
    assert found["tags"] == ["chaos-run", "r1", "shop", "PASS", "drill"]
    assert found["text"] == "DRILL: chaos-run r1 of “pod-kill” on shop, run by ann. PASS: all held"
    assert found["dashboardUID"] == "abc"
    assert not list((tmp_path / "open").iterdir())
    assert [(k["event"], k["delivered"]) for k in delivery_log.read(tmp_path / "runs" / "r1")][:3] == [
        ("annotation begun", True), ("annotation ended", True), ("annotation concluded", True)
    ]  # fmt: skip


def test_what_a_dead_run_has_left_open_is_ended_by_whoever_comes_after(tmp_path: Path) -> None:
    with grafana(lost=True) as there:  # not even the answer to the first request had come
        _drawn(there, tmp_path, *BEGUN)
        (found,) = there.annotations
        _drawn(there, tmp_path)
        assert "timeEnd" not in found, "it may still live"
        folder = tmp_path / "runs" / "r1"
        undone = json.dumps(_event(Name.UNDONE, 40, clean=True, residue=[]).to_json())
        (folder / "events.jsonl").write_text(f"{undone}\n")
        (folder / "record.json").write_text(
            json.dumps({"verdict": "ENVIRONMENT", "sentence": "the runner died", "ended": "2026-11-24T12:01:00Z"})
        )
        assert _drawn(there, tmp_path).failed == []
    assert found["timeEnd"] == NOON_MS + 40_000
    assert found["tags"][-1] == "ENVIRONMENT"
    assert not list((tmp_path / "open").iterdir())


def test_earlier_runs_come_after_this_one_and_only_what_a_dashboard_refuses_is_kept(tmp_path: Path) -> None:
    runs, left = tmp_path / "runs", tmp_path / "open"
    left.mkdir()
    for name in ("r-1", "r0"):
        (runs / name).mkdir(parents=True)
        (runs / name / "record.json").write_text('{"ended": "2026-11-24T11:00:00Z"}')
        (runs / name / "events.jsonl").touch()
        (left / f"{name}.json").write_text('{"text": "x", "tags": []}')
    with grafana(refuses="r0") as there:
        drawn = _drawn(there, tmp_path, *BEGUN, *ENDED)
    assert drawn.failed == [f"annotation {state} to team failed: HTTP 403" for state in ("ended", "concluded")]
    assert list(left.iterdir()) == [left / "r0.json"]
    own, refused, oldest = (delivery_log.read(runs / name) for name in ("r1", "r0", "r-1"))
    assert own[-1]["at"] <= refused[0]["at"] <= oldest[0]["at"]


def test_a_region_whose_end_could_be_missed_is_not_begun(tmp_path: Path) -> None:
    (tmp_path / "open").touch()  # no folder: nothing can be kept in it, as on a full disk
    with grafana() as there:
        drawn = _drawn(there, tmp_path, *BEGUN, *BEGUN[1:], *ENDED)
    assert there.annotations == []
    assert drawn.failed == ["annotation not drawn, since its end could be missed: File exists"]


def test_a_run_that_breaks_nothing_draws_nothing(tmp_path: Path) -> None:
    with grafana() as there:
        _drawn(there, tmp_path, BEGUN[0], *ENDED)
    assert there.annotations == []


def test_a_dashboard_that_refuses_is_told_without_the_token(tmp_path: Path) -> None:
    with grafana() as there:
        team = Grafana(name="team", grafana=there.url, token="glsa_another")
        drawn = Annotations([team], tmp_path, tmp_path / "open")
        drawn.open()
        for event in BEGUN:
            drawn.hear(event)
        drawn.close()
    assert drawn.failed == ["annotation begun to team failed: HTTP 401"]
    assert (tmp_path / "open" / "r1.json").exists()
