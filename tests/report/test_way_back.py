"""What every face says of the way back: yes only where somebody looked, and the same sentence everywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from runner.report import html, junit, markdown, text, words
from runner.timeline import way_back
from runner.timeline.record import RunRecord, Terms, from_json
from tests.report import made

FACES = {"text": text.render, "html": lambda r: html.render(r, [], {}), "markdown": lambda r: markdown.summary([r])}
OTHERS: list[dict[str, Any]] = [
    {"unseen": ("process actions",)},
    {"done": 0, "no_undo": ("kill",)},
    {"residue": ("a pod",)},
]


def record(**given: Any) -> RunRecord:
    way = way_back.told(**{"acted": True, "done": 1, "failed": (), "residue": ()} | given)
    return made.record(way_back=way, residue=given.get("residue", ()))


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("given", OTHERS, ids=lambda g: next(reversed(g)))
def test_a_face_says_the_sentence_and_never_more(face: str, given: dict[str, Any]) -> None:
    found = record(**given)
    said = FACES[face](found)
    assert found.back.sentence in said
    assert "nothing is left behind" not in said


def test_put_back_is_yes_only_where_it_was_looked_at() -> None:
    assert words.put_back(record()) == "yes"
    assert [words.put_back(record(**given)) for given in OTHERS] == ["assumed", "no", "no"]


def test_the_tile_says_who_put_it_back_where_no_step_of_ours_did() -> None:
    by_itself = replace(record(done=0), undo=())
    assert "by the target system itself" in html.render(by_itself, [], {})
    assert "by the target system itself" not in html.render(record(), [], {})
    assert "no undo step" in html.render(replace(record(**OTHERS[1]), undo=()), [], {})


def _case(found: RunRecord) -> ET.Element:
    suite = ET.fromstring(junit.render([found]))[0]
    return next(c for c in suite.iter("testcase") if c.get("name") == "everything put back")


def test_junit_passes_only_what_was_looked_at() -> None:
    assert [child.tag for child in _case(record())] == []
    assert [[child.tag for child in _case(record(**given))] for given in OTHERS] == [
        ["skipped"],
        ["skipped"],
        ["error"],
    ]
    missing = replace(record(**OTHERS[1]), terms=Terms(injecting=True, undo_missing=True))
    assert [child.tag for child in _case(missing)] == ["failure"]


def test_an_old_record_says_only_what_it_knows() -> None:
    old = made.record().to_json()
    del old["way_back"]
    assert from_json(old).back.sentence.startswith("every undo step succeeded; not checked: ")
    assert words.put_back(from_json(old | {"residue": ["a pod"]})) == "no"


def test_a_record_comes_back_with_its_way_back() -> None:
    found = record(no_undo=("kill",), unseen=("http actions",))
    assert from_json(found.to_json()) == found
