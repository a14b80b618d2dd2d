"""A secret is taken out in whatever form it was written down."""

from __future__ import annotations

import base64
import json
from enum import StrEnum
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.timeline.mask import HIDDEN, Mask

SECRET = 'p@ss w/ö"rd+42'


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        f"token={SECRET};",
        json.dumps({"k": SECRET}),
        repr({"k": SECRET}),
        f"https://h/?q={quote(SECRET, safe='')}",
        f"https://h/?q={quote_plus(SECRET)}",
        quote(SECRET, safe="").lower().replace("p%40", "p%40"),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_every_usual_form_is_masked(written: str) -> None:
    masked = Mask([SECRET]).text(written)
    assert HIDDEN in masked
    assert "rd+42" not in masked


@given(st.text("abcXYZ019", max_size=9), st.text("abcXYZ019", max_size=9))
def test_basic_authorization_hides_the_password_wherever_it_stands(before: str, after: str) -> None:
    secret = "correct-horse-battery"
    written = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    assert HIDDEN in Mask([secret]).text(f"Authorization: Basic {written}")


@given(st.text("xyz%\\'", min_size=4, max_size=40), st.text("ab", max_size=40), st.text("ab", max_size=40))
def test_what_stands_around_a_secret_stays(secret: str, before: str, after: str) -> None:
    assert Mask([secret]).text(before + secret + after) == before + HIDDEN + after


def test_values_keys_lists_and_whole_numbers() -> None:
    mask = Mask(["hunter22", "1234567"])
    assert mask.value({"hunter22": ["x hunter22", 1234567, True, None], "n": {"m": 1.5}}) == {
        HIDDEN: [f"x {HIDDEN}", HIDDEN, True, None],
        "n": {"m": 1.5},
    }


def test_two_masked_keys_keep_both_values() -> None:
    assert len(Mask(["aaaa", "bbbb"]).value({"aaaa": 1, "bbbb": 2})) == 2


def test_a_short_secret_is_masked_only_as_the_whole_value() -> None:
    mask = Mask(["yes"])
    assert mask.value({"a": "yes", "b": "yesterday"}) == {"a": HIDDEN, "b": "yesterday"}


def test_the_longer_of_two_nested_secrets_goes_whole() -> None:
    assert Mask(["pass", "password"]).text("my password.") == f"my {HIDDEN}."


def test_a_line_of_a_key_file_is_masked_alone() -> None:
    key = "-----BEGIN-----\nMIIEvQIBADANBgkqhkiG\nAAAABBBBCCCCDDDD\n-----END-----"
    assert Mask([key]).text("read MIIEvQIBADANBgkqhkiG then") == f"read {HIDDEN} then"


def test_no_secrets_change_nothing() -> None:
    assert Mask([]).value({"a": [""]}) == {"a": [""]}


def test_a_word_of_our_own_is_no_secret_though_it_is_spelled_like_one() -> None:
    class Word(StrEnum):
        PROVEN = "proven"

    masked = Mask(["proven"]).value({"proof": Word.PROVEN, "evidence": "proven"})
    assert masked == {"proof": "proven", "evidence": "*****"}
