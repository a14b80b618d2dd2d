"""Scenario files: the shipped ones load, and every error is found with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday import briefing, scenario
from runner import errors
from runner.experiment import findings

GOOD = """\
title: A test
roles:
  owner: {may_stop: true}
  operator: {}
steps:
  - name: one
    experiment: pod-kill
    at: 5m
    recover_within: 1m
"""


def write(folder: Path, text: str) -> str:
    path = folder / "day.yaml"
    path.write_text(text)
    return str(path)


def places(folder: Path, text: str) -> list[tuple[int, int, str, str | None]]:
    with pytest.raises(findings.BrokenExperiment) as broken:
        scenario.load(write(folder, text))
    return [(f.line, f.column, f.message, f.hint) for f in broken.value.found]


@pytest.mark.parametrize("name", sorted(file.stem for file in scenario.SHIPPED.glob("*.yaml")))
def test_a_shipped_scenario_loads_by_its_name_and_its_experiments_are_there(name: str) -> None:
    found, path = scenario.load(name)
    assert [scenario.locate_experiment(s.experiment, path).is_file() for s in found.steps] == [True] * len(found.steps)
    assert "{service}" not in found.announcement
    assert found.service in found.announcement


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [
        (200.0, 250.0, []),
        (200.0, 400.0, ["two is due at +10m, and one ends at +11m40s at the latest: it may begin late"]),
        (
            400.0,
            400.0,
            ["two is due at +10m, and one ends at +11m40s at the earliest: it begins as soon as that is over"],
        ),
    ],
)
def test_an_offset_that_the_step_before_makes_impossible_is_said(
    least: float, most: float, said: list[str], tmp_path: Path
) -> None:
    second = "  - {name: two, experiment: pod-kill, at: 10m}\n"
    found, _ = scenario.load(write(tmp_path, GOOD + second))
    assert list(briefing.overlaps(found, [least, 1.0], [most, 1.0], fast=False)) == said


def test_offsets_and_targets_are_seconds(tmp_path: Path) -> None:
    found, _ = scenario.load(write(tmp_path, GOOD))
    assert (found.steps[0].at, found.steps[0].recover_within, found.steps[0].detect_within) == (300, 60, None)


def test_an_unknown_key_is_found_at_the_key_with_the_one_that_was_meant(tmp_path: Path) -> None:
    wrong = GOOD.replace("recover_within", "recovered_within")
    assert places(tmp_path, wrong) == [(9, 5, "unknown key 'recovered_within'", "did you mean 'recover_within'?")]


def test_every_error_is_found_in_one_pass(tmp_path: Path) -> None:
    wrong = GOOD.replace("at: 5m", "at: soon").replace("title: A test", "titel: A test")
    assert sorted(line for line, *_ in places(tmp_path, wrong)) == [1, 1, 8]


def test_an_experiment_that_is_not_there_is_found_at_its_place(tmp_path: Path) -> None:
    found = places(tmp_path, GOOD.replace("pod-kill", "pod-kil"))
    assert found == [(7, 17, "there is no experiment 'pod-kil'", "did you mean 'pod-kill'?")]


def test_steps_that_go_back_or_share_a_name_are_found(tmp_path: Path) -> None:
    found = places(tmp_path, GOOD + "  - {name: one, experiment: pod-kill, at: 1m}\n")
    assert [(line, message) for line, _, message, _ in found] == [
        (10, "two steps are called 'one'"), (10, "this step begins before the one above it"),
    ]  # fmt: skip


def test_an_experiment_beside_the_scenario_comes_before_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "pod-kill").write_text("title: mine")
    _, path = scenario.load(write(tmp_path, GOOD))
    assert scenario.locate_experiment("pod-kill", path) == tmp_path / "pod-kill"


def test_somebody_besides_the_operator_must_hold_the_stop(tmp_path: Path) -> None:
    (found,) = places(
        tmp_path, GOOD.replace("{may_stop: true}", "{}").replace("operator: {}", "operator: {may_stop: true}")
    )
    assert "may_stop" in found[2]


def test_a_single_seat_takes_one_person(tmp_path: Path) -> None:
    found, _ = scenario.load(write(tmp_path, GOOD))
    assert scenario.seat(found, {"owner": ("Ann",), "operator": ("Bo", "Cy")})["operator"] == ("Bo", "Cy")
    with pytest.raises(errors.UsageError, match="is for one person"):
        scenario.seat(found, {"owner": ("Ann", "Bo")})


def test_the_operator_cannot_be_the_only_one_who_holds_the_stop(tmp_path: Path) -> None:
    found, _ = scenario.load(write(tmp_path, GOOD))
    with pytest.raises(errors.UsageError, match="operator would be the only one"):
        scenario.seat(found, {"owner": ("Ann",), "operator": ("Ann",)})


def test_an_unknown_role_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    found, _ = scenario.load(write(tmp_path, GOOD))
    with pytest.raises(errors.UsageError) as refusal:
        scenario.seat(found, {"operater": ("Ann",)})
    assert refusal.value.hint == "did you mean 'operator'?"
