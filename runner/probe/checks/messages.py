"""What parent and checker say to each other, one JSON object a line: a `Start` in; from then on every reading out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.codec import OneOf
from runner.process.channel import Talk


@dataclass(frozen=True, kw_only=True, slots=True)
class Asks:
    """One check, read every `every_s` seconds."""

    indicator: str
    check: str
    every_s: float
    arguments: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """The first line."""

    asks: tuple[Asks, ...]
    configuration: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Read:
    """What a check said."""

    indicator: str
    mono_ns: int
    """When the answer was there, monotonic."""
    unix_s: float
    bad: bool
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A check could not be read, and why."""

    indicator: str
    unix_s: float
    why: str


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Read no more."""


CheckerMessage = Read | Unread
CHECKER: Talk[Stop, CheckerMessage] = Talk(
    orders=OneOf("do", {"stop": Stop}), messages=OneOf("say", {"read": Read, "unread": Unread})
)
