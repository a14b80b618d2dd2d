"""The measure: one script of calls, on the playground and on a real API server, gives the same answers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from runner.playground import start
from tests.playground import script

RECORDED = Path(__file__).with_name("answers.json")
"""The real API server's answers, written by `python -m tests.playground.record` with KUBECONFIG set."""


def compare(given: list[script.Answer], wanted: list[script.Answer]) -> list[str]:
    """Each call whose answer differs, with what is missing and what is too much."""
    found = []
    for mine, real in zip(given, wanted, strict=True):
        if mine != real:
            less = [f"  - {word}" for word in real.words if word not in mine.words]
            more = [f"  + {word}" for word in mine.words if word not in real.words]
            found.append("\n".join([f"{real.call}: {mine.code} instead of {real.code}", *less, *more]))
    return found


@pytest.mark.slow("asks whatever was recorded of a real API server, and waits as long as it did")
def test_the_playground_answers_as_the_recorded_api_server(playground: start.Playground) -> None:
    wanted = [script.Answer(a["call"], a["code"], tuple(a["words"])) for a in json.loads(RECORDED.read_text("utf-8"))]
    differences = compare(list(script.answers(playground.kubeconfig)), wanted)
    assert not differences, "\n".join(differences)


@pytest.mark.cluster
@pytest.mark.timeout(400)
def test_the_playground_answers_as_the_api_server(playground: start.Playground, real: Path) -> None:
    differences = compare(list(script.answers(playground.kubeconfig)), list(script.answers(real)))
    assert not differences, "\n".join(differences)


def as_json(given: list[script.Answer]) -> str:
    return json.dumps([asdict(answer) for answer in given], indent=1, ensure_ascii=False) + "\n"
