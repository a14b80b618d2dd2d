"""Where Chaos Toolkit replaces no variable, one is an error; and where it puts a text and needs a number, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.experiment import load
from runner.experiment.findings import FileFinding

Json = dict[str, Any]
CONFIGURATION = {
    "tool": "true",
    "number": 2,
    "text": {"type": "env", "key": "CR_NOT_SET_HERE", "default": "2"},
    "typed": {"type": "env", "key": "CR_NOT_SET_HERE", "default": "2", "env_var_type": "int"},
}


def examined(folder: Path, action: Json, *, here: bool = False, **parts: Any) -> list[FileFinding]:
    document = {
        "title": "t",
        "description": "d",
        "configuration": CONFIGURATION,
        "method": [{"type": "action", "name": "it", **action}],
        "rollbacks": [],
        **parts,
    }
    (folder / "x.json").write_text(json.dumps(document))
    seen = load.examine(str(folder / "x.json"), here=here)
    return [f for f in seen.findings if f.rule not in ("no-block", "no-timeout")]


def process(**provider: Any) -> Json:
    return {"provider": {"type": "process", "path": "true", **provider}}


def http(**provider: Any) -> Json:
    return {"provider": {"type": "http", "url": "http://127.0.0.1/", **provider}}


def python(**provider: Any) -> Json:
    return {"provider": {"type": "python", "module": "os", "func": "getpid", **provider}}


@pytest.mark.parametrize("here", [False, True])
@pytest.mark.parametrize(
    "action",
    [
        process(path="${tool}"),
        process(path="$tool"),
        process(path="/opt/${unknown}/bin/x"),
        process(timeout="${number}"),
        http(method="${tool}"),
        http(verify_tls="${tool}"),
        http(max_retries="${number}"),
        python(func="${tool}"),
        python(module="${tool}"),
    ],
    ids=json.dumps,
)
def test_a_variable_where_none_is_replaced_is_an_error_here_and_anywhere(
    action: Json, here: bool, tmp_path: Path
) -> None:
    (found,) = examined(tmp_path, action, here=here)
    assert (found.severity, found.rule) == ("error", "substitution")


@pytest.mark.parametrize(
    "action",
    [
        process(arguments=["${tool}", "$HOME"]),
        process(arguments="${tool}"),
        http(url="${tool}", headers={"X": "${tool}"}, arguments={"a": "${tool}"}, timeout="${number}"),
        http(timeout="${typed}"),
        process() | {"pauses": {"before": "${typed}", "after": "${number}"}},
    ],
    ids=json.dumps,
)
def test_where_variables_are_replaced_they_are_fine(action: Json, tmp_path: Path) -> None:
    assert examined(tmp_path, action) == []


@pytest.mark.parametrize(
    "action", [http(timeout="${text}"), process() | {"pauses": {"after": "${text}"}}], ids=json.dumps
)
def test_a_text_where_seconds_are_needed_is_an_error(action: Json, tmp_path: Path) -> None:
    (found,) = examined(tmp_path, action)
    assert "is a number of seconds, and ${text} is the text '2'" in found.message


def test_a_program_that_is_not_here_stays_a_warning(tmp_path: Path) -> None:
    (found,) = examined(tmp_path, process(path="not-a-program-anywhere"))
    assert (found.severity, found.rule) == ("warning", "program")


@pytest.mark.parametrize(
    ("tolerance", "wrong"),
    [
        (["${number}", 3], True),
        ({"type": "jsonpath", "path": "$.a", "count": "${number}"}, True),
        ({"type": "regex", "pattern": "${tool}"}, False),
        ({"type": "jsonpath", "path": "$.a", "expect": "${number}"}, False),
        ("${number}", False),
        (["$5", "$6", "$7"], False),
    ],
)
def test_of_a_tolerance_only_texts_and_patterns_are_replaced(tolerance: Any, wrong: bool, tmp_path: Path) -> None:
    pytest.importorskip("jsonpath2", reason="the extra jsonpath is not installed")
    probe = {"type": "probe", "name": "p", "tolerance": tolerance, **python()}
    found = examined(tmp_path, process(), **{"steady-state-hypothesis": {"title": "t", "probes": [probe]}})
    assert [f.rule for f in found if f.rule == "substitution"] == ["substitution"] * wrong


def test_an_entry_of_the_configuration_that_names_another_is_an_error(tmp_path: Path) -> None:
    entries = {"base": "/data", "whole": "${base}/old", "price": "$5", "shell": "${HOME}"}
    (found,) = examined(tmp_path, process(arguments=["${whole}"]), configuration=entries)
    assert "${whole} will be the text '${base}/old'" in found.message


def test_an_entry_without_a_value_is_a_warning_where_an_activity_needs_it(tmp_path: Path) -> None:
    entries = {"gone": None, "unneeded": None, "env": {"type": "env", "key": "CR_NOT_SET_HERE", "default": None}}
    found = examined(tmp_path, process(arguments=["/data/${gone}", "$env"]), configuration=entries)
    assert [(f.severity, f.rule, f.message.split("'")[1]) for f in found] == [
        ("warning", "no-value", "gone"),
        ("warning", "no-value", "env"),
    ]


def test_the_plan_knows_how_long_a_pause_by_variable_is(tmp_path: Path) -> None:
    from runner.plan import plan

    examined(tmp_path, process() | {"pauses": {"before": 1.5, "after": "${typed}"}})
    assert plan.method_seconds(load.load(str(tmp_path / "x.json"))) == 3.5


@pytest.mark.parametrize(
    ("action", "severity"),
    [
        (process(timeout="5"), "error"),
        (http(timeout="5"), "error"),
        (http(timeout=["5", 10]), "error"),
        (python(timeout="5"), "warning"),  # plain Chaos Toolkit does not look at it, and runs
    ],
)
def test_a_timeout_in_quotes_is_told(tmp_path: Path, action: Json, severity: str) -> None:
    (found,) = [f for f in examined(tmp_path, action) if f.rule == "number"]
    assert (found.severity, found.hint) == (severity, "without quotes")
    assert "is a number of seconds, not the text '5'" in found.message
