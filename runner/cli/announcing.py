"""A view that also tells others: what the herald finds worth it goes into the outbox, the rest only to the person here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Self

from runner.engine.options import View
from runner.notify.herald import Herald
from runner.notify.outbox import Outbox
from runner.report.status import Status
from runner.spec.channels import Channels
from runner.timeline.event import Event


class Announcing:
    """Wraps the view of a run."""

    def __init__(self, view: View, channels: Channels, runs: Path) -> None:
        self._view = view
        self._herald = Herald(channels.escalate_after)
        self._outbox = Outbox(channels.channels, runs)

    def __enter__(self) -> Self:
        self._outbox.open()
        self._view.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._outbox.close()  # the run is over, and everything put back
        self._view.__exit__(*details)
        for sentence in self._outbox.failed:
            print(f"warning: {sentence}", file=sys.stderr, flush=True)

    def event(self, event: Event) -> None:
        """Something happened."""
        if message := self._herald.hear(event):
            self._outbox.put(message)
        self._view.event(event)

    def tick(self, status: Status) -> None:
        """How things stand."""
        if message := self._herald.escalate(status.t):
            self._outbox.put(message)
        self._view.tick(status)

    def interrupted(self, count: int) -> None:
        """Ctrl-C."""
        self._view.interrupted(count)
