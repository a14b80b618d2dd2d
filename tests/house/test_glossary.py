"""The glossary is the product's: every value of a closed set that users meet has its words there, and there are no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.engine.conclude import verdict_and_exit_code
from runner.errors import ExitCode
from runner.report import words
from runner.safety import policy
from runner.timeline import alerting
from runner.timeline.way_back import PutBack

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/glossary.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| term |")
]
TERMS = {row[0]: row[1] for row in ROWS}


def _listed(term: str) -> set[str]:
    """What stands after the colon, told apart by commas."""
    return {word.strip() for word in TERMS[term].split(";")[0].split(":", 1)[1].split(",")}


def test_every_term_is_there_once_and_explained() -> None:
    assert len(TERMS) == len(ROWS) >= 70
    assert [row for row in ROWS if len(row) != 4 or not row[1]] == []


def test_no_word_that_is_not_used_is_itself_a_term() -> None:
    """`x (that is y)` names what the word is used for instead."""
    others = {word.strip() for row in ROWS for word in row[3].split(",") if word and "(" not in word}
    names = {name.strip() for term in TERMS for name in term.removeprefix("· ").split(",")}
    assert others & names == set()


def test_the_way_back_has_the_values_of_the_record() -> None:
    assert _listed("way back") == {str(value) for value in PutBack}


def test_the_stages_of_an_alert_are_those_of_the_record() -> None:
    assert {*alerting.PIPELINE, "mitigated"} == _listed("stage")


def test_the_marks_are_those_of_the_reports() -> None:
    assert _listed("mark") == {words.mark_title(name) for name in words.MARKS}


@pytest.mark.parametrize("code", [code for code in ExitCode if code not in (ExitCode.USAGE, ExitCode.REFUSED)])
def test_every_verdict_is_there_with_its_exit_code(code: ExitCode) -> None:
    (found,) = (told for term, told in TERMS.items() if re.search(rf"\b{code.name}\b", term))
    assert re.search(rf": {int(code)}$", found)


def test_how_far_a_fault_is_proven_has_four_words() -> None:
    proofs = {term.removeprefix("· ") for term in TERMS if term.startswith("· ") and term[2:].islower()}
    assert proofs == {*verdict_and_exit_code.PROVEN_RANK, "silent"}


def test_a_sandbox_is_what_the_policy_takes_for_one() -> None:
    assert all(name in TERMS["sandbox"] for name in policy.SANDBOXES["kubernetes"])
