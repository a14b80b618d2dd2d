"""Doses: a fault's variable stays within what its file allows, whoever sets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.experiment import load
from runner.plan import draw, render


def file(folder: Path, value: Any = 100, **dose: Any) -> Path:
    block = {
        "name": "chaos-run",
        "dose": [{"variable": "latency_ms", "unit": "ms", "start": 100, "max": 500, **dose}],
    }
    document = {
        "title": "t",
        "description": "d",
        "configuration": {"latency_ms": value},
        "steady-state-hypothesis": {"title": "h", "probes": []},
        "method": [],
        "rollbacks": [],
        "extensions": [block],
    }
    path = folder / "dosed.json"
    path.write_text(json.dumps(document))
    return path


def problems(path: Path, **given: Any) -> list[str]:
    found = load.examine(str(path), variables=given)
    return [f"{f.message}; {f.hint}" for f in found.findings if f.severity == "error"]


def test_a_dose_within_its_bounds_is_valid_and_stands_in_the_plan(tmp_path: Path) -> None:
    path = file(tmp_path)
    assert problems(path) == []
    plan = draw(load.load(str(path)), context="", environment="local", actions=[], locks=[])
    assert "dose      latency_ms 100 ms (safe start 100, at most 500)" in render.text(plan)


@pytest.mark.parametrize("value", [501, -1, "501"])
def test_a_dose_beyond_its_bounds_is_an_error_that_says_where_to_begin(tmp_path: Path, value: Any) -> None:
    (found,) = problems(file(tmp_path, value))
    assert "this file allows at most 500" in found
    assert "begin at 100: --var latency_ms=100" in found


def test_a_dose_beyond_its_bounds_is_refused_from_the_command_line_too(tmp_path: Path) -> None:
    (found,) = problems(file(tmp_path), latency_ms="900")
    assert "the dose 'latency_ms' is 900 ms" in found


def test_a_dose_that_is_no_number_or_no_variable_is_an_error(tmp_path: Path) -> None:
    (found,) = problems(file(tmp_path, "100ms"))
    assert "has to be a number, not the text '100ms'" in found
    (found,) = problems(file(tmp_path, variable="latency"))
    assert "is not in the configuration of this file; did you mean 'latency_ms'" in found


def test_where_less_is_stronger_the_maximum_is_the_least(tmp_path: Path) -> None:
    assert problems(file(tmp_path, 50, max=10)) == []
    assert problems(file(tmp_path, 5000, max=10)) == []
    assert "is 5 ms, this file allows no less than 10" in problems(file(tmp_path, 5, max=10))[0]


def test_a_negative_bound_is_an_error(tmp_path: Path) -> None:
    assert "a dose is 0 or more, and -1 is not" in problems(file(tmp_path, start=-1))[0]
