"""What YAML can say and JSON cannot is handed on as text and told, never a traceback: whoever runs it starts from the same values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.experiment import load

HEAD = """
title: t
description: d
configuration:
  since: &since 2024-01-01
method:
- type: action
  name: a
  provider:
    type: python
    module: json
    func: dumps
    arguments:
      obj:
"""


def examined(folder: Path, obj: str, *, here: bool = False) -> load.Examination:
    file = folder / "x.yaml"
    file.write_text(HEAD + "".join(f"        {line}\n" for line in obj.splitlines()))
    return load.examine(str(file), here=here)


@pytest.mark.parametrize(
    ("written", "handed_on", "said"),
    [
        ("{on: 1, name: x}", {"true": 1, "name": "x"}, "the key true is a truth value to YAML"),
        ("{200: 1, name: x}", {"200": 1, "name": "x"}, "the key 200 is a number to YAML"),
        ("{2024-01-01: 1}", {"2024-01-01": 1}, "the key 2024-01-01 is a date to YAML"),
        ("{~: 1}", {"null": 1}, "the key null is no value to YAML"),
        ("{day: 2024-01-01}", {"day": "2024-01-01"}, "2024-01-01 is a date to YAML"),
        ("[2024-01-01]", ["2024-01-01"], "2024-01-01 is a date to YAML"),
        ("{at: 2024-01-01 10:00:00}", {"at": "2024-01-01T10:00:00"}, "2024-01-01T10:00:00 is a date to YAML"),
        ("{a: {b: {1: 2024-01-01}}}", {"a": {"b": {"1": "2024-01-01"}}}, "the key 1 is a number to YAML"),
        ("<<: {b: 2024-01-01}\nc: *since", {"b": "2024-01-01", "c": "2024-01-01"}, "2024-01-01 is a date to YAML"),
    ],
)
def test_what_json_has_no_word_for_is_text_and_told(tmp_path: Path, written: str, handed_on: object, said: str) -> None:
    seen = examined(tmp_path, written, here=True)
    assert seen.experiment
    document = json.loads(json.dumps(seen.experiment.document))
    assert document["method"][0]["provider"]["arguments"]["obj"] == handed_on
    assert document["configuration"]["since"] == "2024-01-01"
    (told,) = [f for f in seen.findings if f.message.startswith(said) and f.line > 14]
    assert told.severity == "warning"
    assert told.hint == "write it in quotes"


def test_a_place_below_a_key_that_became_text_is_found(tmp_path: Path) -> None:
    found = examined(tmp_path, "200:\n  - {day: 2024-01-01}").findings
    assert {(f.line, f.column) for f in found if f.rule == "not-text" and f.line > 14} == {(15, 9), (16, 19)}


def test_bytes_are_an_error_with_their_place(tmp_path: Path) -> None:
    seen = examined(tmp_path, "x: !!binary aGk=")
    (told,) = [f for f in seen.findings if f.severity == "error"]
    assert (told.rule, told.line, seen.experiment) == ("bytes", 15, None)
