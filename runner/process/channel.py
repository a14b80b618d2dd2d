"""A child process's side of the talk with its parent: JSON lines out on what was stdout, commands in on stdin.

Printed text must never mix with messages, so a child takes the pipe away from file descriptor 1 and lets 1 and 2 both go
to its log pipe, which the parent drains.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, Self, TypeVar

from runner.codec import OneOf

OrderT = TypeVar("OrderT")
MessageT = TypeVar("MessageT")

DEEPEST = 60
"""Levels of an output that are told."""


@dataclass(frozen=True)
class Talk(Generic[OrderT, MessageT]):
    """What is said between a parent and one kind of child."""

    orders: OneOf[OrderT]
    messages: OneOf[MessageT]


class ChildChannel(Generic[MessageT]):
    """Sends messages; safe from any thread and from signal handlers of the main thread."""

    def __init__(
        self, descriptor: int, messages: OneOf[MessageT], mask: Callable[[Any], Any] = lambda value: value
    ) -> None:
        self._descriptor = descriptor
        self._messages = messages
        self._lock = threading.RLock()
        self.mask = mask
        """Applied to each message: secrets do not leave the process."""

    @classmethod
    def take_stdout(cls, messages: OneOf[MessageT]) -> Self:
        """Take the message pipe from file descriptor 1, which becomes a second stderr."""
        sys.stdout.flush()
        descriptor = os.dup(1)
        os.dup2(2, 1)
        return cls(descriptor, messages)

    def say(self, message: MessageT) -> None:
        """One message. A parent that is gone is not an error here: its death is noticed on stdin."""
        line = json.dumps(self._messages.mapped(message, self._masked)) + "\n"
        with self._lock:
            rest = memoryview(line.encode())
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except BrokenPipeError:
                return

    def _masked(self, field: Any) -> Any:
        """A field of a message. Its own numbers and moments are no secrets, though one may be spelled like them."""
        return plain(field) if isinstance(field, int | float | date) else self.mask(plain(field))


def take_stdin() -> int:
    """The pipe of orders, moved away from file descriptor 0: an activity that reads its stdin (ssh, cat) must not wait on it."""
    descriptor = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return descriptor


def commands(descriptor: int) -> Iterator[dict[str, Any]]:
    """What the parent says, one object a line; ends when the parent has closed the pipe or died.

    Read without a buffer of Python's: a thread that waits in one would hold up the interpreter's end for a second.
    """
    held = b""
    while data := os.read(descriptor, 65536):
        *lines, held = (held + data).split(b"\n")
        yield from (json.loads(line) for line in lines if line.strip())


def plain(value: Any, above: tuple[int, ...] = ()) -> Any:
    """Any value as JSON can hold it: keys are texts, there is no NaN, and nothing holds itself.

    Whatever an activity gives back: it may not cost its message, nor slip through the mask.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if id(value) in above or len(above) > DEEPEST:
        return "…"
    within = (*above, id(value))
    if isinstance(value, Mapping):
        return {k if isinstance(k, str) else str(k): plain(v, within) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, within) for item in value]
    return plain(_readable(value), within)


def carried(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that a message can hold as they are: bytes are not among them."""
    return {name: value for name, value in values.items() if plain(value) == value}


def _readable(value: Any) -> Any:
    """Bytes, moments and client models as something a person can read."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return repr(value)
