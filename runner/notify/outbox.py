"""Outbox: sends messages from a thread of its own, tries again, and keeps what became of each. Nothing in a run waits for it."""

from __future__ import annotations

import contextlib
import json
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner.experiment.channels import Channel
from runner.notify import senders
from runner.notify.alert_policy import Level, Message
from runner.notify.delivery_log import FILE

RETRIES_S = (1.0, 3.0)
"""Waits before the second and the third try."""
CLOSE_S = 10.0
"""How long the end of the program may wait for messages under way."""
SPARE_S = 0.3
"""Of which so much is left to keep what became of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """Something else to be done in this thread, once: `act` returns why it could not be, or an empty text."""

    run: str
    event: str
    channel: str
    act: Callable[[], str]
    level: str = "info"


@dataclass(frozen=True, slots=True, eq=False)
class _Attempt:
    """A message on its way to one channel, not before the moment `due` (monotonic, seconds)."""

    message: Message
    channel: Channel
    number: int = 1
    due: float = 0.0


class Outbox:
    """One run's messages, in order; what has to be tried again lets those behind it go first."""

    def __init__(self, channels: Sequence[Channel], runs: Path, *, close_s: float = CLOSE_S) -> None:
        self._channels = channels
        self._runs = runs
        self._close_s = close_s
        self._queue: queue.SimpleQueue[Message | Errand | None] = queue.SimpleQueue()
        self._again: list[_Attempt] = []
        self._closed = False
        self._until = math.inf
        self.failed: list[str] = []
        """What could not be delivered, in sentences."""
        self._tried: list[tuple[str, str, bool]] = []
        self._thread = threading.Thread(target=self._work, name="outbox", daemon=True)

    def open(self) -> None:
        """Begin to send."""
        self._thread.start()

    def put(self, message: Message | Errand) -> None:
        """Returns at once."""
        self._queue.put(message)

    def hearers(self, level: Level) -> tuple[str, ...]:
        """The names of those who are told of something of that level."""
        return tuple(c.name for c in self._channels if level in c.levels)

    def reached(self, event: str, level: Level) -> tuple[str, ...] | None:
        """By name, whom the message of an event has reached; None while it is under way."""
        tried = [(name, delivered) for told, name, delivered in list(self._tried) if told == event]
        if len(tried) < len(self.hearers(level)):
            return None
        return tuple(name for name, delivered in tried if delivered)

    def close(self) -> None:
        """Wait a little for what is under way, further tries among it; the rest is given up, and that is said."""
        self._until = time.monotonic() + self._close_s - SPARE_S
        self._queue.put(None)
        self._thread.join(self._close_s)
        if self._thread.is_alive():
            self.failed.append(f"messages were still under way after {self._close_s:g} s")

    def _work(self) -> None:
        while (found := self._next()) is not None:
            if isinstance(found, Errand):
                self._run(found)
            elif isinstance(found, _Attempt):
                self._deliver(found)
            else:
                for channel in self._channels:
                    if found.level in channel.levels:
                        self._deliver(_Attempt(found, channel))

    def _next(self) -> Message | Errand | _Attempt | None:
        """What has arrived, else what is due again; None when it is closed and nothing is left."""
        while self._again or not self._closed:
            first = min(self._again, key=lambda one: one.due, default=None)
            try:
                found = self._queue.get(timeout=max(0.0, first.due - time.monotonic()) if first else None)
            except queue.Empty:
                assert first is not None
                self._again.remove(first)
                return first
            if found is not None:
                return found
            self._closed = True
        return None

    def _deliver(self, one: _Attempt) -> None:
        message, name = one.message, one.channel.name
        within_s = min(senders.TIMEOUT_S, self._until - time.monotonic())
        try:
            if within_s <= 0:
                raise senders.Undelivered("the program had to end")
            senders.send(one.channel, message, within_s)
        except senders.Undelivered as problem:
            due = time.monotonic() + (*RETRIES_S, math.inf)[one.number - 1]
            if due < self._until:
                self._again.append(replace(one, number=one.number + 1, due=due))
                return
            self.failed.append(f"the notification of {message.event!r} to {name} failed: {problem}")
            self._keep(message, channel=name, delivered=False, error=str(problem))
        else:
            self._keep(message, channel=name, delivered=True, tries=one.number)

    def _run(self, errand: Errand) -> None:
        error = errand.act()
        if error:
            self.failed.append(f"{errand.event} to {errand.channel} failed: {error}")
        self._keep(errand, channel=errand.channel, delivered=not error, **({"error": error} if error else {}))

    def _keep(self, message: Message | Errand, **fields: Any) -> None:
        self._tried.append((message.event, fields["channel"], fields["delivered"]))
        line = {"at": time.time(), "event": message.event, "level": message.level, **fields}
        with contextlib.suppress(OSError), (self._runs / message.run / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
