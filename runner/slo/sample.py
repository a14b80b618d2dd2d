"""Sample: one request of our own traffic, and its 20 bytes on disk.

A tape is one header followed by one record a scheduled request, in schedule order. The prober writes a record when the
request leaves (`SENT`) and again when it ended (`DONE`); a reader may look at any moment. Latency counts from the intended
start (no coordinated omission); service time is `latency_us - late_us`.
"""

from __future__ import annotations

import struct
from enum import IntFlag
from typing import NamedTuple

MAGIC = b"CRTAPE1\n"
HEADER = struct.Struct("<8sQQQQdd8x")
"""magic, t0 monotonic ns, t0 wall ns, records scheduled so far, heartbeat monotonic ns, rate a second, timeout seconds."""
RECORD = struct.Struct("<QIIHH")
"""intended start (monotonic ns), lateness µs (sent - intended), latency µs (end - intended), HTTP status, flags."""


class Flag(IntFlag):
    """What became of a request. A record without any flag has not been scheduled yet."""

    SENT = 1
    """It left, or was shed; `intended_ns` and `late_us` are valid."""
    DONE = 2
    """It ended, one way or another; `latency_us` and `status` are valid."""
    TIMEOUT = 4
    """No complete answer within the timeout."""
    CONNECTION = 8
    """Refused, reset, unreachable, or no name resolution."""
    SHED = 16
    """Never sent: the cap on requests in flight was reached. Counts as bad."""
    PROTOCOL = 32
    """An answer that is not HTTP."""
    UNEXPECTED = 64
    """A complete answer with a status outside `expect`."""
    NEW_CONNECTION = 128
    """It opened a connection: connect time is part of its latency."""


BAD = Flag.TIMEOUT | Flag.CONNECTION | Flag.SHED | Flag.PROTOCOL | Flag.UNEXPECTED


class Sample(NamedTuple):
    """One record of a tape; times as in `RECORD`."""

    intended_ns: int
    late_us: int
    latency_us: int
    status: int
    flags: int

    @property
    def done(self) -> bool:
        return bool(self.flags & Flag.DONE)

    @property
    def bad(self) -> bool:
        """It ended and was not what the user asked for, however fast."""
        return bool(self.flags & BAD)
