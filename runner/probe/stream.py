"""Stream: one indicator's schedule, its requests in flight and its tape. Open loop: nothing that happens moves a slot.

Slot i is due at `t0 + (i + phase) / rate`, moved by up to ±10 % of the interval from a seeded generator so that it cannot lock
onto something that happens each second. A slot that is found late is sent at once. Latency counts from the due moment; an answer
that comes more than `timeout_s` after it is a TIMEOUT. The client gives a request `timeout_s` from when it really left, so that
one we sent late is not torn down before the service could answer. While our loop does not look nothing can be read: that counts as
lateness of ours for every request that was under way.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from typing import NamedTuple

from runner.probe import tape
from runner.probe.attention import LoopStalls
from runner.probe.client import Client, RequestProgress
from runner.probe.messages import Indicator, Ranges
from runner.slo.sample import Flag

JITTER = 0.1
BURST = 16
"""Slots sent before the loop hears answers again. A loop that is late itself would else open a connection for each slot it missed,
which makes it later still."""
_TIMEOUT = int(Flag.TIMEOUT)
_SHED = int(Flag.SHED)


def schedule(rate: float, phase: float, seed: str) -> Iterator[int]:
    """Nanoseconds after t0 of each slot, for ever; the same for the same seed. `phase` is a share of the interval."""
    move = random.Random(seed).uniform
    interval = 1e9 / rate
    slot = 0
    while True:
        yield max(0, round((slot + phase + move(-JITTER, JITTER)) * interval))
        slot += 1


class _Flight(NamedTuple):
    """A request that is under way."""

    intended_ns: int
    left_ns: int
    missed_ns: int
    """How long we had not looked, all in all, when it left."""
    asking: RequestProgress
    task: asyncio.Task[None]


class Stream:
    """Traffic of one indicator."""

    def __init__(
        self, indicator: Indicator, writer: tape.TapeWriter, slots: Iterator[int], attention: LoopStalls
    ) -> None:
        """Raises ValueError for a URL that cannot be asked."""
        self._kept = Client(indicator, new=False)
        self._fresh = Client(indicator, new=True)
        self._new_every = indicator.new_every
        self._writer = writer
        self._slots = slots
        self._attention = attention
        self._cap = indicator.cap
        self._timeout_ns = round(indicator.timeout_s * 1e9)
        self._flight: dict[int, _Flight] = {}
        self._loop = asyncio.get_running_loop()
        self._t0_ns = 0
        self.next_ns = 0

    @property
    def in_flight(self) -> int:
        """Requests that have neither been answered nor given up."""
        return len(self._flight)

    def start(self, t0_ns: int) -> None:
        """Fix the schedule."""
        self._t0_ns = t0_ns
        self.next_ns = t0_ns + next(self._slots)

    def send_due(self, now_ns: int) -> int:
        """Send the slots that are due, a burst at most, and return when the next one is. Raises IndexError at the end of the tape."""
        self.expire(now_ns)
        left = BURST
        while self.next_ns <= now_ns and left:
            self._send(self.next_ns)
            self.next_ns = self._t0_ns + next(self._slots)
            left -= 1
        return self.next_ns

    def expire(self, now_ns: int) -> None:
        """Give up what has been in flight for the timeout; they are in order of leaving."""
        while self._flight:
            number, one = next(iter(self._flight.items()))
            if now_ns - one.left_ns < self._timeout_ns:
                return
            self._finish(number, 0, one.asking.timed_out)
            one.task.cancel()

    def abandon(self) -> None:
        """Drop what is in flight; its records stay unfinished."""
        flight, self._flight = self._flight, {}
        for one in flight.values():
            one.task.cancel()

    async def warm(self, connections: int) -> None:
        """Open so many connections by requests that are no records."""
        await asyncio.gather(*(self._kept.ask(RequestProgress()) for _ in range(connections)))

    def accept(self, status: Ranges) -> None:
        """These statuses are good from now on."""
        self._kept.accept(status)
        self._fresh.accept(status)

    @property
    def redirected(self) -> str:
        """Where the last redirect led, as the service wrote it; empty without one."""
        return self._kept.redirected or self._fresh.redirected

    async def close(self) -> None:
        """Close every connection."""
        await self._kept.close()
        await self._fresh.close()

    def _send(self, intended_ns: int) -> None:
        left_ns = time.monotonic_ns()
        late_us = _micros(left_ns - intended_ns)
        number = self._writer.sent(intended_ns, late_us)
        if len(self._flight) >= self._cap:
            self._writer.done(number, late_us, 0, _SHED)
        else:
            asking = RequestProgress()
            task = self._loop.create_task(self._one(number, intended_ns, asking))
            missed_ns = self._attention.missed_ns(left_ns)
            self._flight[number] = _Flight(intended_ns, left_ns, missed_ns, asking, task)

    async def _one(self, number: int, intended_ns: int, asking: RequestProgress) -> None:
        self._writer.left(number, _micros(time.monotonic_ns() - intended_ns))
        client = self._fresh if self._new_every and number % self._new_every == 0 else self._kept
        status, flags = await client.ask(asking)
        if number in self._flight:
            self._finish(number, status, flags)

    def _finish(self, number: int, status: int, flags: int) -> None:
        one = self._flight.pop(number)
        now_ns = time.monotonic_ns()
        latency_ns = now_ns - one.intended_ns
        if missed_ns := self._attention.missed_ns(now_ns) - one.missed_ns:
            self._writer.left(number, _micros(one.left_ns - one.intended_ns + missed_ns))
        if latency_ns > self._timeout_ns:
            flags |= _TIMEOUT
        self._writer.done(number, _micros(latency_ns), status, flags)


def _micros(nanoseconds: int) -> int:
    return nanoseconds // 1000 if nanoseconds > 0 else 0
