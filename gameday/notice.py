"""The notice of a GameDay: sent to the team's channels before its first step, and again when the day is called off."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from gameday.record import GameDay
from runner import clock, units
from runner.app import announce, listeners
from runner.app.run_one import notice_seconds
from runner.notify.alert_policy import Message
from runner.notify.outbox import Outbox

EVENT = "gameday_notice"
CALLED_OFF = "gameday_called_off"


class Notice:
    """One day's notice; what becomes of it is kept in a folder beside the day's record."""

    def __init__(self, outbox: Outbox, folder: Path, before_s: float, where: str) -> None:
        self.before_s = before_s
        """How long before the first step; seconds."""
        self._outbox = outbox
        self._folder = folder
        self._where = where

    def give(self, day: GameDay, announcement: str) -> None:
        """The scenario's own words, and what every notice says: what, when, who, and how to stop it."""
        (self._folder / day.id).mkdir(exist_ok=True, mode=0o700)
        begins = clock.rfc3339(day.started + timedelta(seconds=self.before_s))
        by = f"{units.user()} on {platform.node()}"
        said = [
            announcement,
            f"Begins at {begins}{' (a rehearsal)' if day.fast else ''} on {self._where}: {', '.join(day.planned)}.",
            f"By {by}. To stop it at any moment: Ctrl-C there, or on {platform.node()}: chaos-run stop",
        ]
        self._say(day, EVENT, " ".join(filter(None, said)))

    def call_off(self, day: GameDay, why: str) -> None:
        """Those who had the notice are told that nothing follows."""
        never = ", ".join(day.planned[len(day.steps) :])
        before = f"nothing more is injected; never begun: {never}" if day.steps else "nothing was injected"
        self._say(day, CALLED_OFF, f"called off: {why}; {before}")

    def reached(self) -> tuple[str, ...] | None:
        """By name, whom the notice has reached; None while it is under way."""
        return self._outbox.reached(EVENT, "info")

    def _say(self, day: GameDay, event: str, text: str) -> None:
        at = clock.rfc3339(clock.SystemClock().now())
        self._outbox.put(
            Message(level="info", title=f"GameDay: {day.title}", text=text, event=event, run=day.id, at=at)
        )


@contextmanager
def open_notice(folder: Path, asked: str | None, *, fast: bool, where: str) -> Iterator[Notice | None]:
    """The notice for a day kept in `folder`; None where there is nobody to be told.

    Nobody waits for a rehearsal unless it is asked for. Raises UsageError, InvalidFile for a bad file of channels.
    """
    before_s = notice_seconds(asked)
    found = announce.read_channels() if listeners.are_configured() else None
    outbox = Outbox(found.channels if found else (), folder)
    if not outbox.hearers("info"):
        if before_s:
            raise announce.no_channel_for_notice()
        yield None
        return
    usual = found.notice_before if found and not fast else None
    outbox.open()
    try:
        yield Notice(outbox, folder, before_s if before_s is not None else usual or 0.0, where)
    finally:
        outbox.close()
        for sentence in outbox.failed:
            print(f"warning: {sentence}", file=sys.stderr, flush=True)
