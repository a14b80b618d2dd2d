"""What is written is read back as it was, by our reader and by Chaos Toolkit's."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.conversion import written
from runner.experiment import source

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "yes",
        "012",
        "1:30",
        "1e3",
        "20s",
        "50%",
        "2026-11-27",
        "- a",
        "# no",
        "a: b",
        "a #b",
        "",
        " x ",
        "null",
        "=",
        "<<",
        "${a}",
        "90ms",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=40)
@given(VALUES)
def test_any_value_is_read_back_as_it_was(value: object) -> None:
    text = written.yaml(value)
    assert yaml.safe_load(text) == value
    (read,) = source.parse("x.yaml", text)
    assert read.tree == value


@settings(max_examples=40)
@given(st.text(st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="\xa0"), min_size=150, max_size=400))
def test_a_long_sentence_is_folded_and_read_back_as_it_was(text: str) -> None:
    sentence = " ".join(text.split())
    assert yaml.safe_load(written.yaml({"description": sentence})) == {"description": sentence}


def test_a_comment_ends_where_its_line_does() -> None:
    text = written.experiment({"title": "a"}, ["from x\nmethod: []"], ["# url: http://a\r\nrollbacks: []\u2028more: 1"])
    assert yaml.safe_load(text) == {"title": "a"}
