"""Labels are read as they are written, and what cannot be one says why."""

from __future__ import annotations

import pytest

from runner.timeline import asked


def test_a_label_is_a_key_and_a_value_that_may_hold_anything_printable() -> None:
    given = ["team=checkout", "git/commit=4f2a==", "team=checkout", "note=two words "]
    assert asked.labels(given) == {"team": "checkout", "git/commit": "4f2a==", "note": "two words"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["team"], "'team' is not a label"),
        (["=a"], "is not a label"),
        (["team="], "is not a label"),
        (["two words=a"], "is not a label"),
        (["a=1", "a=2"], "the label a has two values: 1 and 2"),
        (["a=x\ny"], "single line"),
        (["a=" + "x" * 201], "at most 200"),
        ([f"a{n}=1" for n in range(21)], "21 labels"),
    ],
)
def test_what_cannot_be_a_label_says_why(given: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        asked.labels(given)
