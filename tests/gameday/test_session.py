"""A GameDay being played: offsets, targets, what ends it, and what is on disk whatever happens."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from gameday import record, scenario, session
from gameday.record import GameDay
from runner import errors
from runner.errors import ExitCode
from runner.rundir import paths
from runner.timeline.mark import Mark
from tests.fakes import experiments

TEXT = """\
title: Two faults
service: shop
roles:
  owner: {may_stop: true}
  operator: {}
steps:
  - {name: one, experiment: pod-kill, at: 5m, detect_within: 10s, recover_within: 20s, variables: {a: 1}}
  - {name: two, experiment: node-drain, at: 20m, recover_within: 20s}
fast: {factor: 0.01, variables: {hold: 1s, a: 2}}
"""


def prepare(folder: Path, engine: experiments.Engine, text: str = TEXT, **more: object) -> session.Session:
    (folder / "day.yaml").write_text(text)
    found, path = scenario.load(str(folder / "day.yaml"))
    more = {"time": experiments.Clock(), "roles": {"owner": ("Ann",)}, "say": lambda line: None} | more
    return session.Session(scenario=found, path=path, run=engine, **more)  # type: ignore[arg-type]


def play(folder: Path, *answers: object, text: str = TEXT, **more: object) -> tuple[GameDay, experiments.Engine]:
    engine = experiments.Engine(*answers)  # type: ignore[arg-type]
    return asyncio.run(prepare(folder, engine, text, **more).play()), engine


def test_a_day_whose_steps_pass_and_meet_their_targets_passes(tmp_path: Path) -> None:
    day, engine = play(tmp_path, experiments.record("r1"), experiments.record("r2"))
    assert (day.verdict, day.exit_code, day.state) == ("PASS", 0, "finished")
    assert [s.run for s in day.steps] == ["r1", "r2"]
    assert [(s.detection, s.recovery) for s in day.steps] == [("met", "met"), ("no target", "met")]
    assert [Path(r.path).name for r in engine.asked] == ["pod-kill.yaml", "node-drain.yaml"]
    assert {r.gameday for r in engine.asked} == {day.id}


def test_steps_begin_at_their_offsets_and_fast_shortens_them(tmp_path: Path) -> None:
    clock = experiments.Clock()
    play(tmp_path, experiments.record(), experiments.record(), time=clock)
    assert clock.slept == [300, 900]
    clock = experiments.Clock()
    _, engine = play(tmp_path, experiments.record(), experiments.record(), time=clock, fast=True)
    assert clock.slept == [3, 9]
    assert [r.variables for r in engine.asked] == [{"hold": "1s", "a": 1}, {"hold": "1s", "a": 2}]


def test_a_step_that_is_late_begins_at_once(tmp_path: Path) -> None:
    clock = experiments.Clock()

    def slow() -> object:
        clock.ns += 1800 * experiments.SECOND
        return experiments.record()

    day, _ = play(tmp_path, slow, experiments.record(), time=clock)
    assert clock.slept == [300]
    assert len(day.steps) == 2


def test_a_missed_target_fails_the_day_although_every_run_passed(tmp_path: Path) -> None:
    day, _ = play(tmp_path, experiments.record(ttr_s=21.0), experiments.record())
    assert (day.verdict, day.exit_code) == ("FAIL", 1)
    assert "one: missed its target for recovery" in day.sentence


def test_what_was_not_measured_is_never_good(tmp_path: Path) -> None:
    day, _ = play(tmp_path, experiments.record(ttd_s=None), experiments.record())
    assert (day.verdict, day.exit_code) == ("INCONCLUSIVE", 4)
    assert "detection is not measured" in day.sentence


def test_where_users_were_unaffected_there_is_nothing_to_notice_or_to_recover_from(tmp_path: Path) -> None:
    whole = experiments.record()
    calm = replace(
        whole, ttd_s=None, ttr_s=None, marks=tuple(m for m in whole.marks if m.name in ("injected", "undone"))
    )
    day, _ = play(tmp_path, calm, experiments.record())
    assert (day.verdict, day.steps[0].detection, day.steps[0].recovery) == ("PASS", "no impact", "no impact")


def test_users_whom_nobody_watched_do_not_count_as_unaffected(tmp_path: Path) -> None:
    whole = experiments.record()
    blind = replace(whole, ttd_s=None, ttr_s=None, marks=whole.marks[:1], objectives=())
    day, _ = play(tmp_path, blind, experiments.record())
    assert (day.verdict, day.steps[0].recovery) == ("INCONCLUSIVE", "not measured")


def test_a_wanted_target_is_reported_and_does_not_decide(tmp_path: Path) -> None:
    day, _ = play(
        tmp_path, experiments.record(ttd_s=99.0), experiments.record(), text=TEXT + "goals: {detection: wanted}\n"
    )
    assert (day.verdict, day.steps[0].detection) == ("PASS", "missed")


@pytest.mark.parametrize(
    ("value", "censored", "target", "expected"),
    [
        (5.0, False, 10.0, "met"), (11.0, False, 10.0, "missed"), (5.0, True, 10.0, "censored"),
        (11.0, True, 10.0, "missed"), (None, True, 10.0, "censored"), (None, False, 10.0, "not measured"), (5.0, False, None, "no target"),
    ],
)  # fmt: skip
def test_a_censored_time_can_prove_a_miss_but_never_a_success(
    value: float | None, censored: bool, target: float | None, expected: str
) -> None:
    assert record.outcome(value, censored, target) == expected


@pytest.mark.parametrize(("value", "expected"), [(4.0, "met"), (9.0, "censored"), (11.0, "censored"), (16.0, "missed")])
def test_a_time_that_was_not_wholly_measured_proves_only_what_it_could_not_turn(value: float, expected: str) -> None:
    assert record.outcome(value, False, 10.0, spread_s=5.0) == expected


@pytest.mark.parametrize("code", [ExitCode.ABORTED, ExitCode.UNDO_FAILED])
def test_an_abort_or_a_failed_undo_ends_the_day(tmp_path: Path, code: ExitCode) -> None:
    day, engine = play(tmp_path, experiments.record(code=code))
    assert len(engine.asked) == 1
    assert (day.state, day.exit_code) == ("stopped", code)
    assert "never begun: two" in day.sentence


def test_a_step_may_let_the_day_go_on_after_an_abort_but_not_after_a_failed_undo(tmp_path: Path) -> None:
    text = TEXT.replace("variables: {a: 1}", "go_on: true")
    day, _ = play(tmp_path, experiments.record(code=ExitCode.ABORTED), experiments.record(), text=text)
    assert (day.state, day.verdict, len(day.steps)) == ("finished", "ABORTED", 2)
    day, _ = play(tmp_path, experiments.record(code=ExitCode.UNDO_FAILED), text=text)
    assert (day.state, len(day.steps)) == ("stopped", 1)


def test_a_person_who_stops_a_step_stops_the_day(tmp_path: Path) -> None:
    whole = experiments.record(code=ExitCode.ABORTED)
    stopped = replace(whole, marks=(*whole.marks, Mark(name="aborted", at=whole.ended, mono_ns=1, source="person")))
    day, _ = play(tmp_path, stopped, text=TEXT.replace("variables: {a: 1}", "go_on: true"))
    assert (day.state, day.sentence) == ("stopped", "a person stopped one; never begun: two")


def test_a_failed_objective_does_not_end_the_day(tmp_path: Path) -> None:
    day, _ = play(tmp_path, experiments.record(code=ExitCode.FAIL), experiments.record())
    assert (day.state, day.verdict, len(day.steps)) == ("finished", "FAIL", 2)


def test_a_refusal_ends_the_day_and_its_reasons_are_kept(tmp_path: Path) -> None:
    day, _ = play(tmp_path, errors.Refused("the policy says no", reasons=("context prod is not known",)))
    assert (day.verdict, day.exit_code, day.state) == ("REFUSED", 3, "stopped")
    assert "context prod is not known" in day.steps[0].sentence


def test_the_record_on_disk_is_the_day(tmp_path: Path) -> None:
    day, _ = play(tmp_path, experiments.record(), experiments.record(ttd_censored=True))
    assert record.read(day.id) == day
    assert record.read("last") == day
    assert list(record.every()) == [day]


def test_a_record_of_another_version_is_read(tmp_path: Path) -> None:
    day, _ = play(tmp_path, experiments.record(), experiments.record())
    path = paths.gamedays_dir() / f"{day.id}.json"
    older = json.loads(path.read_text())
    del older["said"], older["steps"][0]["said"]
    path.write_text(
        json.dumps(older | {"of_the_future": 1, "steps": [one | {"of_the_future": []} for one in older["steps"]]})
    )
    assert record.read(day.id) == day


def test_what_is_no_record_is_one_error_with_its_place(tmp_path: Path) -> None:
    day, _ = play(tmp_path, experiments.record(), experiments.record())
    path = paths.gamedays_dir() / f"{day.id}.json"
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {"steps": [whole["steps"][0] | {"started": "soon"}]}))
    with pytest.raises(
        errors.InvalidFile, match=r"not the record of a GameDay: steps\[0\]\.started: expected a moment"
    ):
        record.read(day.id)
    path.write_text("{")
    with pytest.raises(errors.InvalidFile, match="not the record of a GameDay"):
        record.read(day.id)


def test_the_steps_so_far_are_on_disk_while_the_next_one_runs(tmp_path: Path) -> None:
    seen: list[GameDay] = []

    def look() -> object:
        seen.append(record.read("last"))
        return experiments.record()

    play(tmp_path, experiments.record(), look)
    assert ([s.name for s in seen[0].steps], seen[0].state) == (["one"], "running")


def test_an_interruption_while_waiting_leaves_a_whole_record(tmp_path: Path) -> None:
    class Impatient(experiments.Clock):
        async def sleep(self, seconds: float) -> None:
            if seconds > 600:
                raise asyncio.CancelledError
            await super().sleep(seconds)

    with pytest.raises(asyncio.CancelledError):
        play(tmp_path, experiments.record(), time=Impatient())
    day = record.read("last")
    assert (day.state, day.verdict, len(day.steps)) == ("interrupted", "INCONCLUSIVE", 1)
    assert "a person interrupted the day" in day.sentence


def test_a_day_that_does_not_exist_is_a_plain_error(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match="no GameDay 'gameday-1'"):
        record.read("gameday-1")


class Notice:
    """Others who were told, and whether any of them heard it."""

    def __init__(self, *reached: str, before_s: float = 600.0) -> None:
        self.before_s = before_s
        self.said: list[str] = []
        self._reached = reached

    def give(self, day: GameDay, announcement: str) -> None:
        self.said.append(announcement)

    def call_off(self, day: GameDay, why: str) -> None:
        self.said.append(why)

    def reached(self) -> tuple[str, ...]:
        return self._reached


def test_others_are_told_so_long_before_the_day_begins(tmp_path: Path) -> None:
    clock, notice = experiments.Clock(), Notice("chat")
    text = TEXT + "notice: We break {service}.\n"
    day, _ = play(tmp_path, experiments.record(), experiments.record(), text=text, time=clock, notice=notice)
    assert notice.said == ["We break shop."]
    assert clock.slept == [600, 300, 900]
    assert day.verdict == "PASS"


def test_a_day_whose_notice_nobody_heard_does_not_begin(tmp_path: Path) -> None:
    day, engine = play(tmp_path, notice=Notice())
    assert (day.verdict, day.state, engine.asked) == ("INCONCLUSIVE", "stopped", [])
    assert "the notice could not be delivered to any channel" in day.sentence
