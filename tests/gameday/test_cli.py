"""The commands a team types: schedule, next, due, plan, list, report; with their exit codes."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner.cli import gameday as commands
from runner.cli.main import entry
from tests.fakes import experiments
from tests.gameday.test_session import prepare

Capture = pytest.CaptureFixture[str]


def gameday(*arguments: str) -> int:
    return entry(arguments, commands.command, "gameday")


def quarterly(*more: str) -> int:
    return gameday(
        "schedule", "--quarterly", "--scenario", "zone-outage", "--at", "Tue 10:00", "--tz", "Europe/Berlin", *more
    )


def test_a_schedule_is_set_up_and_next_says_when_and_what_a_freeze_takes_out(capsys: Capture) -> None:
    assert quarterly("--freeze", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=1 for 28d") == 0
    capsys.readouterr()
    assert gameday("next", "--json", "--count", "4") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [r["start"][11:16] for r in rows] == ["10:00"] * len(rows)
    assert {r["start"][5:7]: bool(r["blocked"]) for r in rows} == {"02": True, "05": False, "08": False, "11": False}


def test_next_says_how_to_begin_when_nothing_is_scheduled(capsys: Capture) -> None:
    assert gameday("next") == 0
    assert "gameday schedule --quarterly" in capsys.readouterr().out


@pytest.mark.slow("a process for each answer")
def test_due_answers_by_its_exit_code(capsys: Capture) -> None:
    assert gameday("due") == 1
    soon = datetime.now(UTC) + timedelta(seconds=2)
    start = (soon - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%S")
    every_day = ("--weekends", "--hours", "00:00-23:59", "--rrule", "FREQ=SECONDLY;INTERVAL=1", "--start", start)
    if soon.strftime("%H:%M") == "23:59":
        pytest.skip("hours end at 23:59")
    assert gameday("schedule", "--scenario", "zone-outage", *every_day) == 0
    asyncio.run(asyncio.sleep(1.1))
    capsys.readouterr()
    assert gameday("due") == 0
    assert capsys.readouterr().out == "a-zone-goes-away\n"


def test_run_of_a_schedule_that_is_not_due_runs_nothing(capsys: Capture) -> None:
    quarterly()
    assert gameday("run", "--schedule", "a-zone-goes-away") in (2, 3)  # not due; on a weekend or at night also a freeze
    assert gameday("list", "--json") == 0
    assert capsys.readouterr().out.endswith("[]\n")


def test_the_calendar_file_and_the_cancellation(tmp_path: Path) -> None:
    path = tmp_path / "team.ics"
    assert quarterly("--ics", str(path)) == 0
    assert b"STATUS:CONFIRMED\r\n" in path.read_bytes()
    assert gameday("schedule", "--cancel", "a-zone-goes-away", "--ics", str(path)) == 0
    assert b"STATUS:CANCELLED\r\n" in path.read_bytes()


def test_plan_shows_roles_offsets_targets_and_the_notice(capsys: Capture) -> None:
    assert gameday("plan", "compound", "--script-only", "--role", "operator=Ann") == 0
    text = capsys.readouterr().out
    assert "operator: Ann" in text
    assert "+20m  drain-its-zone: node-drain; detected within 1m, recovered within 2m" in text
    assert "notice to send: GameDay on shop" in text


def test_a_scenario_with_errors_is_shown_with_place_and_caret(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "day.yaml").write_text("title: x\nrols: {}\n")
    assert gameday("plan", str(tmp_path / "day.yaml"), "--script-only") == 2
    text = capsys.readouterr().err
    assert "day.yaml:2:1: error: unknown key 'rols'" in text
    assert "did you mean 'roles'?" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "nope"), ("run",), ("report", "nope"), ("schedule",), ("run", "compound", "--role", "Ann"),
        ("schedule", "--scenario", "compound"), ("schedule", "--scenario", "compound", "--rrule", "FREQ=DAILY"),
        ("schedule", "--scenario", "compound", "--rrule", "nonsense", "--start", "2027-02-09T10:00"),
        ("schedule", "--quarterly", "--scenario", "compound", "--tz", "Mars/Olympus"), ("schedule", "--cancel", "nope"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_is_one_error_with_a_hint_and_exit_code_2(
    arguments: tuple[str, ...], capsys: Capture
) -> None:
    assert gameday(*arguments) == 2
    text = capsys.readouterr().err
    assert text.count("error: ") == 1
    assert "Traceback" not in text


def test_a_day_that_was_run_is_listed_and_reported(tmp_path: Path, capsys: Capture) -> None:
    day = asyncio.run(prepare(tmp_path, experiments.Engine(experiments.record(), experiments.record())).play())
    assert gameday("list") == 0
    assert f"{day.id}  PASS          2/2 steps  Two faults" in capsys.readouterr().out
    assert gameday("report", "last", "--out", str(tmp_path / "out")) == 0
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) == [".html", ".md"]
