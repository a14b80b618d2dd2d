"""The one sentence about the way back: it says no more than what was undone and looked at."""

from __future__ import annotations

from typing import Any

import pytest

from runner.timeline import way_back
from runner.timeline.way_back import PutBack, WayBack

CLEAN = "everything is put back, nothing is left behind"


def told(**given: Any) -> WayBack:
    """Of a run with one undo step that succeeded and a look that found nothing."""
    return way_back.told(**{"acted": True, "done": 1, "failed": (), "residue": ()} | given)


def test_only_undone_and_looked_at_is_everything() -> None:
    assert told().sentence == CLEAN
    assert told().put_back == PutBack.PROVEN


@pytest.mark.parametrize(
    ("given", "state", "sentence"),
    [
        ({"done": 0}, "proven", "nothing had to be undone, nothing is left behind"),
        ({"unseen": ["process actions"]}, "assumed", "every undo step succeeded; not checked: process actions"),
        ({"missed": ["the cluster (gone)"]}, "assumed", "every undo step succeeded; not checked: the cluster (gone)"),
        (
            {"done": 0, "stays": ["set up"], "unseen": ["http actions"]},
            "not checked",
            "nothing was undone; left in place, as declared: set up; not checked: http actions",
        ),
        ({"done": 0, "no_undo": ["kill"]}, "no undo", "nothing was put back: kill has no undo"),
        ({"no_undo": ["kill", "cut"]}, "no undo", "not everything was put back: kill, cut have no undo"),
        ({"failed": ["mend (no)"]}, "left", "NOT everything was put back: mend (no)"),
        ({"residue": ["a pod"], "no_undo": ["kill"]}, "left", "NOT everything was put back: a pod"),
        ({"acted": False, "done": 0, "unseen": ["http actions"]}, "nothing", "nothing was changed"),
    ],
)
def test_else_it_is_said_what_is_true(given: dict[str, Any], state: str, sentence: str) -> None:
    way = told(**given)
    assert (way.put_back, way.sentence) == (state, sentence)
    assert CLEAN not in way.sentence


def test_what_stays_on_purpose_is_no_nothing() -> None:
    assert told(stays=["set up"], done=0).sentence == (
        "nothing had to be undone, nothing else is left behind; left in place, as declared: set up"
    )
    assert told(stays=["set up"]).sentence.startswith("everything else is put back, nothing else is left behind; ")


def test_what_has_no_undo_or_is_left_is_not_clean() -> None:
    assert not told(no_undo=["kill"]).clean
    assert not told(residue=["a pod"]).clean
    assert told(unseen=["http actions"]).clean


def test_every_state_has_its_word_on_every_face() -> None:
    from runner.report import words

    assert set(words.PUT_BACK) == set(PutBack)
    assert [state for state, word in words.PUT_BACK.items() if word == "yes"] == [PutBack.PROVEN]
