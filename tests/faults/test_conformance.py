"""Every driver passes the conformance suite, the one written from CONTRIBUTING's words too; and the suite tells what is broken."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.faults import conformance
from runner.faults.conformance import MakingTrial, Trial
from runner.faults.driver import Activity, Setting, UndoStep

CONTRIBUTING = (Path(__file__).resolve().parents[2] / "CONTRIBUTING.md").read_text("utf-8")
(EXAMPLE,) = (b for b in re.findall(r"^```python\n(.*?)^```", CONTRIBUTING, re.MULTILINE | re.DOTALL) if "Driver" in b)


class NoSecrets:
    """Of an experiment that has none."""

    def group(self, name: str) -> Mapping[str, Any]:
        return {}

    def every(self) -> Mapping[str, Mapping[str, Any]]:
        return {}

    def starting_with(self, prefix: str) -> dict[str, Any]:
        return {}


SETTING = Setting(run="20260101-000000-test", secrets=NoSecrets())


def flags(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The problems of the example driver, its source as given."""
    path = folder / "flags.json"
    path.write_text(json.dumps({"checkout": True, "search": True}))
    monkeypatch.setenv("FLAGS", str(path))
    names: dict[str, Any] = {}
    exec(compile(source, "CONTRIBUTING.md", "exec"), names)

    def turn(name: str) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | {name: False}))

    def activity(name: str) -> Activity:
        provider = {"type": "python", "module": "flags.actions", "func": "turn_off", "arguments": {"name": name}}
        return Activity(name="turn it off", provider=provider, arguments={"name": name})

    trial = Trial(
        setting=SETTING,
        activity=activity("checkout"),
        act=lambda: turn("checkout"),
        nothing=activity("typo"),
        others=lambda: turn("search"),
        untouched=lambda: json.loads(path.read_text())["search"] is False,
        limit_s=0.5,
    )
    return conformance.check(names["Driver"](), trial)


def test_the_driver_of_the_contributors_page_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert flags(tmp_path, EXAMPLE, monkeypatch) == []


BROKEN = {
    "claims everything": ('if provider.get("module") == "flags.actions" else Claim.NO', "", "cannot know"),
    "no environment": ('name=where.env.get("FLAGS", "the file of FLAGS")', 'name=""', "does not name the system"),
    "targets where nothing is": ("if name not in flags:", "if False:", ""),
    "no undo record": ("undo=(undo,),", "", "gives it no undo record"),
    "a kind that it does not play": ('kind="flag"', 'kind="flog"', "does not play"),
    "confirms anything": ("confirmed=now !=", "confirmed=True or now !=", "before anything was done"),
    "confirms nothing": ("confirmed=now !=", "confirmed=False and now !=", "never confirms"),
    "undo of nothing": ("return Outcome(state=State.ALREADY)", "pass", "not already"),
    "undo that does nothing": ("path().write_text(json.dumps(flags", "print(json.dumps(flags", "not already"),
    "undo of all flags": (
        'flags | {record.args["name"]: record.args["value"]}',
        "dict.fromkeys(flags, True)",
        "somebody else had done",
    ),
    "blind to residue": ('"meant" if stays else "residue"', '"meant" if stays else "others"', "sees no residue"),
    "deaf to what stays": ('"meant" if stays else "residue"', '"residue"', "not told apart"),
    "others are ours": ('whose = "others" if f"flag/{name}" not in before["ours"] else ', "whose = ", "after the undo"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_driver_that_breaks_a_rule_is_told_which(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, instead, told = BROKEN[broken]
    assert EXAMPLE.count(line) == 1, "the example has changed"
    try:
        problems = flags(tmp_path, EXAMPLE.replace(line, instead), monkeypatch)
    except KeyError as problem:  # raised where it would have said that there is no target
        problems = [str(problem)]
    assert [p for p in problems if told in p], problems


def test_the_suite_finds_a_making_driver_that_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.faults.base import BaseDriver

    step = UndoStep(kind="x", what="end x")
    trial = MakingTrial(setting=SETTING, step=step, others=lambda: None, untouched=lambda: True, limit_s=0.1)
    assert "make() and readable() are missing" in conformance.check_making(BaseDriver(), trial)[-1]
