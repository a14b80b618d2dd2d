"""Time as a parameter: the wall clock for people and records, the monotonic clock for durations.

The monotonic clock is the system's CLOCK_MONOTONIC in nanoseconds: every process of one boot reads the same one, so marks
made by the worker, the undoer and the prober can be subtracted from each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """The two clocks and the only sleep of the program."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> int:
        """CLOCK_MONOTONIC in nanoseconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; cancellable at any moment."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> int:
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # thirty milliseconds that most commands do not need

        await asyncio.sleep(seconds)


def poll_until(
    look: Callable[[], T], within_s: float, every_s: float = 0.02, *, enough: Callable[[T], object] = bool
) -> T:
    """The first answer of `look` that is `enough` (by default: true), else the last one when the time is up. Asks at least once."""
    until = time.monotonic() + within_s
    while not enough(found := look()) and time.monotonic() < until:
        time.sleep(every_s)
    return found


async def poll_until_async(
    look: Callable[[], T],
    within_s: float,
    every_s: float = 0.02,
    *,
    enough: Callable[[T], object] = bool,
    clock: Clock | None = None,
) -> T:
    """The same, by the clock that is given, and others may work meanwhile."""
    clock = clock or SystemClock()
    until = clock.monotonic() + round(within_s * 1e9)
    while not enough(found := look()) and clock.monotonic() < until:
        await clock.sleep(every_s)
    return found


def rfc3339(moment: datetime) -> str:
    """An aware moment as RFC 3339 in UTC with milliseconds: `2026-11-24T12:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
