"""What is told of a check is what was compared, with its type; and comparisons that never hold are found before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chaoslib.hypothesis import within_tolerance

from runner.experiment import load
from runner.experiment.judged import judged

OK = {"status": 200, "headers": {}, "body": "all is well"}
JSON = {"status": 200, "headers": {}, "body": {"region": "eu-1", "n": 3, "items": [{"id": "a"}, {"id": "b"}]}}
DONE = {"status": 0, "stdout": "0.25\n", "stderr": ""}

WORDS = [
    ("200", 200, "number 200", 'text "200"'),
    (200, "200", 'text "200"', "number 200"),
    ("200", OK, "a whole answer with status number 200", 'text "200"'),
    ("0", DONE, "a whole answer with status number 0", 'text "0"'),
    (503, OK, "status 200", "503"),
    ([503, 504], OK, "status 200", "one of 503, 504"),
    (["200", "204"], OK, "status 200", 'one of "200", "204"'),
    (True, False, "false", "true"),
    (True, None, "nothing", "true"),
    (True, "yes", 'text "yes"', "true"),
    ("a", "b", '"b"', '"a"'),
    ([1, 5], 7, "number 7", "1 to 5"),
    ([1, 5], None, "nothing", "1 to 5"),
    (["a", "b", "c"], "d", 'text "d"', 'one of "a", "b", "c"'),
    ({"type": "regex", "pattern": "UP", "target": "body"}, OK, 'body "all is well"', 'text that matches "UP"'),
    ({"type": "regex", "pattern": "UP", "target": "body"}, {"status": 200, "body": {"a": 1}},
     'body mapping {"a": 1}', 'text that matches "UP"'),
    ({"type": "regex", "pattern": "UP"}, OK, 'mapping {"status": 200, "headers": {}, "body": "all is well"}', 'text that matches "UP"'),
    ({"type": "range", "range": [1, 2], "target": "stdout"}, DONE, "stdout 0.25", "number 1 to 2"),
    ({"type": "range", "range": [1, 2], "target": "body"}, OK, 'body text "all is well"', "number 1 to 2"),
    ({"type": "range", "range": [1, 2]}, None, "nothing", "number 1 to 2"),
    ({"type": "jsonpath", "path": "$.region", "expect": "us-1", "target": "body"}, JSON, 'body $.region gives text "eu-1"', 'text "us-1"'),
    ({"type": "jsonpath", "path": "$.n", "expect": "3", "target": "body"}, JSON, "body $.n gives number 3", 'text "3"'),
    ({"type": "jsonpath", "path": "$.nope", "target": "body"}, JSON, "body $.nope gives nothing", "a value"),
    ({"type": "jsonpath", "path": "$.items[*].id", "count": 3, "target": "body"}, JSON,
     'body $.items[*].id gives text "a", text "b"', "3 values"),
    ({"type": "jsonpath", "path": "$.n", "target": "body"}, OK,
     'body text "all is well", in which $.n cannot be looked for', "JSON"),
    ({"type": "probe", "name": "fine", "provider": {}}, 3, "number 3", "what the probe 'fine' accepts"),
]  # fmt: skip


@pytest.mark.parametrize(("tolerance", "output", "seen", "expected"), WORDS, ids=lambda value: json.dumps(value)[:60])
def test_what_was_compared_is_told_with_its_type(tolerance: Any, output: Any, seen: str, expected: str) -> None:
    if "jsonpath" in str(tolerance):
        pytest.importorskip("jsonpath2", reason="the extra jsonpath is not installed")
    told = judged(tolerance, output, {})
    assert (told.seen, told.expected) == (seen, expected)
    if "probe" not in str(tolerance):
        try:
            held = within_tolerance(tolerance, output)
        except (TypeError, AttributeError):
            held = False
        assert not held, "each of these is a comparison that does not hold"


def test_a_variable_in_a_tolerance_is_told_by_its_value() -> None:
    assert judged("${want}", False, {"want": True}).expected == "true"
    assert judged("${password}", "x", {}).expected == '"${password}"'


def test_a_long_answer_is_cut() -> None:
    assert len(judged("a", "b" * 5000, {}).seen) == 200


def rules(tolerance: Any, provider: dict[str, Any], folder: Path) -> list[str]:
    probe = {"type": "probe", "name": "p", "tolerance": tolerance, "provider": provider}
    document = {
        "title": "t",
        "description": "d",
        "configuration": {"text": "200", "number": 200},
        "steady-state-hypothesis": {"title": "t", "probes": [probe]},
        "method": [],
        "rollbacks": [],
    }
    (folder / "x.json").write_text(json.dumps(document))
    seen = load.examine(str(folder / "x.json"))
    assert not seen.errors
    return [f.rule for f in seen.findings if f.rule not in ("no-block", "empty-value")]


HTTP = {"type": "http", "url": "http://127.0.0.1/", "timeout": 1}
PROCESS = {"type": "process", "path": "true"}
PYTHON = {"type": "python", "module": "os", "func": "getpid"}


@pytest.mark.parametrize(
    ("tolerance", "provider", "found"),
    [
        ("200", HTTP, "quoted-number"),
        ("0", PROCESS, "quoted-number"),
        ("ok", PROCESS, "never-equal"),
        ("3", PYTHON, "quoted-number"),
        ("${text}", HTTP, "quoted-number"),
        (["200", 204, 301], HTTP, "quoted-number"),
        ({"type": "regex", "pattern": "UP", "target": "body"}, HTTP, "json-pattern"),
        ({"type": "regex", "pattern": "UP"}, HTTP, "tolerance-target"),
        ({"type": "regex", "pattern": "2..", "target": "status"}, HTTP, "tolerance-target"),
        (200, HTTP, None),
        ("${number}", HTTP, None),
        ([200, 204, 301], HTTP, None),
        ("ok", PYTHON, None),
        (["200", "201", "202"], PYTHON, None),
        ({"type": "regex", "pattern": "UP", "target": "stdout"}, PROCESS, None),
        ({"type": "regex", "pattern": "UP"}, PYTHON, None),
        ({"type": "range", "range": [0, 1], "target": "stdout"}, PROCESS, None),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_a_comparison_that_never_holds_is_a_finding(
    tolerance: Any, provider: dict[str, Any], found: str | None, tmp_path: Path
) -> None:
    assert rules(tolerance, provider, tmp_path) == ([found] if found else [])


def test_a_quoted_number_at_a_json_path_is_a_finding(tmp_path: Path) -> None:
    pytest.importorskip("jsonpath2", reason="the extra jsonpath is not installed")
    path = {"type": "jsonpath", "path": "$.n", "target": "body"}
    assert rules({**path, "expect": "3"}, HTTP, tmp_path) == ["quoted-number"]
    assert rules({**path, "expect": "eu-1"}, HTTP, tmp_path) == []
    assert rules({**path, "expect": 3}, HTTP, tmp_path) == []
