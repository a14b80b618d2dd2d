"""`runtime:` and `dry:` of a file: what is asked for holds, what is unknown is an error, what is not honoured is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.experiment import load, runtime

Json = dict[str, Any]


def examined(folder: Path, **more: Any) -> load.Examination:
    action = {"type": "action", "name": "a", "provider": {"type": "process", "path": "true"}}
    whole = {"title": "t", "description": "d", "method": [action], "rollbacks": [], **more}
    (folder / "x.json").write_text(json.dumps(whole))
    return load.examine(str(folder / "x.json"))


@pytest.mark.parametrize(
    ("more", "rule", "said"),
    [
        ({"runtime": {"hypothesis": {"strategy": "sometimes"}}}, "strategy", "there is no hypothesis strategy"),
        ({"runtime": {"rollbacks": {"strategy": "alway"}}}, "strategy", "there is no rollbacks strategy 'alway'"),
        ({"runtime": {"rollbacks": {"strategy": None}}}, "strategy", "there is no rollbacks strategy None"),
        ({"runtime": ["x"]}, "type", "runtime has to be a mapping"),
        ({"runtime": {"rollbacks": "never"}}, "type", "runtime.rollbacks has to be a mapping"),
        ({"dry": "action"}, "dry", "'dry' cannot be 'action'"),
        ({"dry": True}, "dry", "'dry' cannot be True"),
    ],
)
def test_what_would_silently_mean_something_else_is_an_error(tmp_path: Path, more: Json, rule: str, said: str) -> None:
    (error,) = examined(tmp_path, **more).errors
    assert error.rule == rule
    assert error.message.startswith(said)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"python": {"dependencies": ["x"]}}, "runtime.python is not honoured"),
        ({"hypothesis": {"frequency": 3}}, "runtime.hypothesis.frequency is not honoured"),
        ({"rollbacks": {"strategy": "always", "fail_fast": True}}, "runtime.rollbacks.fail_fast is not honoured"),
        ({"hypothesis": {"strategy": "continously"}}, "write 'continuously'"),
    ],
)
def test_what_is_not_honoured_is_named(tmp_path: Path, more: Json, said: str) -> None:
    seen = examined(tmp_path, runtime=more)
    assert not seen.errors
    assert [f.message for f in seen.findings if f.message.startswith(said)]


@pytest.mark.parametrize(
    ("tree", "settings", "during", "expected"),
    [
        ({}, {}, False, ("default", "default")),
        ({}, {}, True, ("continuously", "default")),
        ({}, {"runtime": {"hypothesis": {"strategy": "skip"}}}, True, ("skip", "default")),
        ({}, {"runtime": {"rollbacks": {"strategy": "never"}}}, True, ("continuously", "never")),
        ({"runtime": {"rollbacks": {"strategy": "always"}}}, {"runtime": {"hypothesis": {"strategy": "skip"}}}, False,
         ("default", "always")),
        ({"runtime": {"hypothesis": {"strategy": "skip"}}}, {"runtime": {"rollbacks": {"strategy": "never"}}}, False,
         ("skip", "default")),
        ({"runtime": {}}, {"runtime": {"rollbacks": {"strategy": "never"}}}, False, ("default", "never")),
    ],
)  # fmt: skip
def test_the_file_goes_before_the_settings_and_those_before_our_defaults(
    tree: Json, settings: Json, during: bool, expected: tuple[str, str]
) -> None:
    found = runtime.of(tree, settings, during=during)
    assert (found.hypothesis, found.rollbacks) == expected


def test_stays_names_actions_of_the_method(tmp_path: Path) -> None:
    seen = examined(tmp_path, extensions=[{"name": "chaos-run", "stays": ["a"]}])
    assert not seen.errors
    (error,) = examined(tmp_path, extensions=[{"name": "chaos-run", "stays": ["b"]}]).errors
    assert error.message == "there is no action 'b'"
