"""Sample: one request of our own traffic, and its 20 bytes on disk.

A tape is one header followed by one record a scheduled request, in schedule order. The prober writes a record when the
request leaves (`SENT`) and again when it ended (`DONE`); a reader may look at any moment. Latency counts from the intended
start (no coordinated omission). Lateness is our own part in it: how late we sent the request, and how long we did not look while it
was under way; service time is `latency_us - late_us`.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import NamedTuple

MAGIC = b"CRTAPE1\n"
HEADER = struct.Struct("<8sQQQQdd8x")
"""magic, t0 monotonic ns, t0 wall ns, records scheduled so far, heartbeat monotonic ns, rate a second, timeout seconds."""
RECORD = struct.Struct("<QIIHH")
"""intended start (monotonic ns), lateness µs (ours), latency µs (end - intended), HTTP status, flags.

The lower byte of the flags is a `Flag`, the upper one a `Cause`: 0 on tapes of older versions, which knew none."""


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
    """Never sent: the cap on requests in flight was reached, or this machine had no port for it. Tells nothing of the service."""
    PROTOCOL = 32
    """An answer that is not HTTP."""
    UNEXPECTED = 64
    """A complete answer with a status outside `expect`."""
    NEW_CONNECTION = 128
    """It opened a connection: connect time is part of its latency."""


class Cause(IntEnum):
    """Why a request got no whole answer, as exactly as it was seen; finer than its flag."""

    UNKNOWN = 0
    """None, or one that an older version did not write down."""
    REFUSED = 1
    UNREACHABLE = 2
    """No route to the host or its network."""
    DNS = 3
    """No address was found for the name."""
    TLS = 4
    """No agreement on it, a certificate that is not trusted among the reasons."""
    PROXY = 5
    """The proxy was not reached, or it did not reach the service."""
    RESET = 6
    """Before anything of the answer came."""
    CLOSED = 7
    """In order, but before anything of the answer came."""
    CLOSED_IDLE = 8
    """As RESET or CLOSED, at once on a connection that had been kept alive unused: the request met its end."""
    CUT_SHORT = 9
    """The answer had begun and never came to its end."""
    SLOW_NAME = 10
    """Timed out while the name was looked up."""
    SLOW_CONNECT = 11
    """Timed out before there was a connection."""
    SLOW_ANSWER = 12
    """Timed out before anything of the answer came."""
    SLOW_BODY = 13
    """Timed out in the middle of the answer."""
    NOT_HTTP = 14
    NO_PORT = 15
    """This machine had no free port, address or file for it."""


CAUSE_SHIFT = 8

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
    def cause(self) -> int:
        """A `Cause`; one of a newer version is a number without a name."""
        return self.flags >> CAUSE_SHIFT

    @property
    def bad(self) -> bool:
        """It ended and was not what the user asked for, however fast."""
        return bool(self.flags & BAD)
