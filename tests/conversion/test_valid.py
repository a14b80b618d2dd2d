"""What comes out is an experiment: for `chaos-run validate`, and for plain Chaos Toolkit."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from chaoslib.experiment import ensure_experiment_is_valid

from runner.conversion import convert
from runner.faults.chaos_mesh import wanted
from runner.faults.litmus import chaos_engine
from tests.conversion import sampled


@pytest.mark.parametrize("name", sampled.NAMES)
def test_it_is_valid_for_us_and_for_plain_chaos_toolkit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in convert.convert(str(sampled.FOLDER / name)).experiments:
        assert sampled.errors(one, tmp_path) == []
        experiment = yaml.safe_load(one.text)
        assert experiment == one.document
        for entry in experiment.get("configuration", {}).values():
            if isinstance(entry, dict):
                monkeypatch.setenv(entry["key"], "http://set.example")
        ensure_experiment_is_valid(experiment)


TAKES = {
    "runner.faults.chaos_mesh.actions": lambda arguments: wanted.read("run", arguments),
    "runner.faults.litmus.actions": chaos_engine.of,
}
"""What our drivers make of an action's arguments; they refuse those that would strike others, or never end."""


@pytest.mark.parametrize("name", sampled.NAMES)
def test_our_drivers_take_what_comes_out(name: str) -> None:
    for one in convert.convert(str(sampled.FOLDER / name)).experiments:
        for action in one.document["method"]:
            provider = action["provider"]
            if takes := TAKES.get(provider["module"]):
                takes(provider["arguments"])


@pytest.mark.parametrize("name", sampled.NAMES)
def test_no_objective_and_no_stop_condition_is_invented(name: str) -> None:
    for one in convert.convert(str(sampled.FOLDER / name)).experiments:
        (block,) = one.document["extensions"]
        assert {"traffic", "objectives", "abort", "expect"} & set(block) == set()
        assert "    # objectives:" in one.text


@pytest.mark.parametrize("name", sampled.NAMES)
def test_an_experiment_that_watches_nothing_says_so(name: str) -> None:
    for one in convert.convert(str(sampled.FOLDER / name)).experiments:
        assert ("INCONCLUSIVE" in one.text) is ("steady-state-hypothesis" not in one.document)
