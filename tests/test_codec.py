"""The codec: what goes out as JSON comes back equal, and what does not fit is one error with its place and without its value."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from typing import Any

import pytest

from runner import codec
from runner.codec import DecodeError


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Level(IntEnum):
    LOW = 1


class Plain(Enum):
    ONE = "one"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    name: str
    share: float = 0.5
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Whole:
    title: str
    count: int
    sure: bool
    parts: tuple[Part, ...] = ()
    named: Mapping[str, Part] = field(default_factory=dict)
    colour: Colour = Colour.RED
    level: Level = Level.LOW
    plain: Plain = Plain.ONE
    ranges: tuple[tuple[int, int], ...] = ()
    counted: dict[Colour, int] = field(default_factory=dict)
    best: Part | None = None
    document: Mapping[str, Any] = field(default_factory=dict)


WHOLE = Whole(
    title="a “title”",
    count=3,
    sure=True,
    parts=(Part(name="a", at=datetime(2026, 11, 27, 12, 0, 0, 123456, tzinfo=UTC)), Part(name="b", share=1.0)),
    named={"c": Part(name="c")},
    colour=Colour.GREEN,
    ranges=((200, 299), (302, 302)),
    counted={Colour.GREEN: 2},
    best=Part(name="d"),
    document={"method": [{"type": "action", "n": None}], "seconds": 0.25},
)
LEAST = {"title": "t", "count": 1, "sure": False}


def test_what_goes_out_as_json_comes_back_equal() -> None:
    back = codec.decode(Whole, json.loads(json.dumps(codec.encode(WHOLE))))
    assert back == WHOLE
    assert (type(back.colour), type(back.parts), type(back.level)) == (Colour, tuple, Level)


def test_moments_are_written_in_utc() -> None:
    at = datetime(2026, 11, 27, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert codec.encode(Part(name="a", at=at))["at"] == "2026-11-27T12:00:00Z"


def test_unknown_keys_are_ignored_and_missing_ones_get_their_defaults() -> None:
    assert codec.decode(Whole, LEAST | {"of_the_future": 1}) == Whole(title="t", count=1, sure=False)


def test_a_whole_number_of_seconds_is_a_number_of_seconds() -> None:
    share = codec.decode(Part, {"name": "a", "share": 2}).share
    assert (share, type(share)) == (2.0, float)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "start: expected an object, found a list"),
        ({"count": 1, "sure": True}, "start.title: is missing"),
        (LEAST | {"title": 4711}, "start.title: expected a string, found a number"),
        (LEAST | {"count": 1.5}, "start.count: expected an integer, found a number"),
        (LEAST | {"count": True}, "start.count: expected an integer, found true or false"),
        (LEAST | {"sure": 1}, "start.sure: expected true or false, found a number"),
        (LEAST | {"parts": {}}, "start.parts: expected a list, found an object"),
        (LEAST | {"parts": [{"name": "a"}, {"name": None}]}, "start.parts[1].name: expected a string, found null"),
        (LEAST | {"parts": [{"name": "a", "at": "today"}]}, "start.parts[0].at: expected a moment as RFC 3339, found"),
        (LEAST | {"named": {"x": {}}}, "start.named.x.name: is missing"),
        (LEAST | {"ranges": [[200]]}, "start.ranges[0]: expected 2 items, found 1"),
        (LEAST | {"colour": "blue"}, "start.colour: expected one of: red, green; found 'blue'"),
        (LEAST | {"colour": []}, "start.colour: expected one of: red, green; found []"),
        (LEAST | {"best": "d"}, "start.best: expected an object, found a string"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(given: Any, said: str) -> None:
    with pytest.raises(DecodeError) as raised:
        codec.decode(Whole, given, "start")
    assert str(raised.value).startswith(said)


def test_no_value_is_shown_for_it_may_be_a_secret() -> None:
    with pytest.raises(DecodeError) as raised:
        codec.decode(Whole, LEAST | {"count": "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_a_type_that_json_has_no_form_for_is_an_error_of_the_program() -> None:
    @dataclass
    class Odd:
        several: set[str] | int

    with pytest.raises((TypeError, NameError)):
        codec.decode(Odd, {})


def test_it_brings_no_library() -> None:
    """It is imported before a run has started, and in every child."""
    code = "import sys; before = set(sys.modules); import runner.codec; print(*sorted(set(sys.modules) - before))"
    brought = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pydantic" not in brought
    assert {name.partition(".")[0] for name in brought} <= set(sys.stdlib_module_names) | {"runner"}


@dataclass(frozen=True)
class Go:
    to: str


@dataclass(frozen=True)
class Stop:
    pass


ORDERS: codec.OneOf[Go | Stop] = codec.OneOf("do", {"go": Go, "stop": Stop})


def test_messages_are_told_apart_by_their_word() -> None:
    assert ORDERS.encode(Go("home")) == {"do": "go", "to": "home"}
    assert ORDERS.decode({"do": "go", "to": "home"}) == Go("home")
    assert ORDERS.decode({"do": "stop", "of_the_future": 1}) == Stop()


@pytest.mark.parametrize("given", [{"do": "sing"}, {"to": "home"}, [], None])
def test_an_unknown_word_is_an_error_that_names_the_known_ones(given: Any) -> None:
    with pytest.raises(DecodeError, match=r"^order: expected an object with 'do': one of go, stop$"):
        ORDERS.decode(given, "order")


def test_texts_are_changed_wherever_they_are_and_nothing_else() -> None:
    """A secret may be spelled like a number or a word of ours: what holds them must still be readable."""
    whole = Whole(title="secret 3", count=3, sure=True, parts=(Part(name="3"),), named={"3": Part(name="3")},
                  best=Part(name="3"), document={"pin": ["3", 3]}, colour=Colour.RED)  # fmt: skip
    changed = codec.with_texts(whole, lambda text: text.replace("3", "*").replace("red", "*"))
    assert changed == Whole(title="secret *", count=3, sure=True, parts=(Part(name="*"),), named={"*": Part(name="*")},
                            best=Part(name="*"), document={"pin": ["*", 3]}, colour=Colour.RED)  # fmt: skip
    assert codec.decode(Whole, codec.encode(changed)) == changed
