"""A child process's side of the talk with its parent: JSON lines out on what was stdout, commands in on stdin.

Printed text must never mix with messages, so a child takes the pipe away from file descriptor 1 and lets 1 and 2 both go
to its log pipe, which the parent drains.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any


class Voice:
    """Sends messages, each stamped with both clocks; safe from any thread and from signal handlers of the main thread."""

    def __init__(self, descriptor: int, mask: Callable[[Any], Any] = lambda value: value) -> None:
        self._descriptor = descriptor
        self._lock = threading.RLock()
        self.mask = mask
        """Applied to each message: secrets do not leave the process."""

    @classmethod
    def take_stdout(cls) -> Voice:
        """Take the message pipe from file descriptor 1, which becomes a second stderr."""
        sys.stdout.flush()
        descriptor = os.dup(1)
        os.dup2(2, 1)
        return cls(descriptor)

    def say(self, what: str, /, **fields: Any) -> None:
        """One message. A parent that is gone is not an error here: its death is noticed on stdin."""
        stamp = {"say": what, "mono_ns": time.monotonic_ns(), "at": datetime.now(UTC).isoformat()}
        line = json.dumps(self.mask(stamp | fields), default=encode) + "\n"
        with self._lock:
            rest = memoryview(line.encode())
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except BrokenPipeError:
                return


def commands(descriptor: int = 0) -> Iterator[dict[str, Any]]:
    """What the parent says, one object a line; ends when the parent has closed the pipe or died."""
    with os.fdopen(os.dup(descriptor), "r", encoding="utf-8") as pipe:
        for line in pipe:
            if line.strip():
                yield json.loads(line)


def encode(value: Any) -> Any:
    """What JSON cannot hold (sets, bytes, client models) as something a person can read."""
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", errors="replace")
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return repr(value)
