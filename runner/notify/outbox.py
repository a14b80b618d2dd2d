"""Outbox: sends messages from a thread of its own, tries again, and keeps what became of each. Nothing in a run waits for it."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.notify import senders
from runner.notify.herald import Level, Message
from runner.notify.told import FILE
from runner.spec.channels import Channel

RETRIES_S = (1.0, 3.0)
"""Waits before the second and the third try."""
CLOSE_S = 10.0
"""How long the end of the program may wait for messages under way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """Something else to be done in this thread, once: `act` returns why it could not be, or an empty text."""

    run: str
    event: str
    channel: str
    act: Callable[[], str]
    level: str = "info"


class Outbox:
    """One run's messages, in order."""

    def __init__(self, channels: Sequence[Channel], runs: Path) -> None:
        self._channels = channels
        self._runs = runs
        self._queue: queue.SimpleQueue[Message | Errand | None] = queue.SimpleQueue()
        self._closing = threading.Event()
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
        """Wait a little for what is under way; the rest is given up, and that is kept too."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            self.failed.append(f"messages were still under way after {CLOSE_S:g} s")

    def _work(self) -> None:
        while (message := self._queue.get()) is not None:
            if isinstance(message, Errand):
                self._run(message)
                continue
            for channel in self._channels:
                if message.level in channel.levels:
                    self._deliver(channel, message)

    def _deliver(self, channel: Channel, message: Message) -> None:
        error = ""
        for number, wait_s in enumerate((0.0, *RETRIES_S), 1):
            if number > 1 and self._closing.wait(wait_s):
                break  # the program wants to end
            try:
                senders.send(channel, message)
            except senders.Undelivered as problem:
                error = str(problem)
            else:
                self._keep(message, channel=channel.name, delivered=True, tries=number)
                return
        self.failed.append(f"{channel.name} was not told of {message.event!r}: {error}")
        self._keep(message, channel=channel.name, delivered=False, error=error)

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
