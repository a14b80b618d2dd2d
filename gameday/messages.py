"""Messages that people send a GameDay while it lasts, from any terminal and any machine of its record; a stop is one of them.

While a step runs its own run is told too: it is the run that injects, and that puts everything back.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

from gameday.record import GameDay
from runner import errors
from runner.clock import Clock
from runner.rundir import inbox, live, paths, processes
from runner.timeline.mark import Said

POLL_S = 0.2


class Stopped(Exception):
    """The day ends before its next step, and why."""

    def __init__(self, reason: str, *, by_person: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.by_person = by_person


class Messages:
    """Mutable, one a day; `keep` gets each message that no run has taken: what people say between the steps."""

    def __init__(self, day: GameDay, time: Clock, warn: Callable[[str], None], keep: Callable[[Said], None]) -> None:
        self.run = day.id
        self.folder = paths.gamedays_dir() / day.id
        self.folder.mkdir(exist_ok=True, mode=0o700)
        self.signal: signal.Signals | None = None
        """By which a person asked for the end between two steps."""
        self.last_words: Mapping[str, Any] = {}
        """For those who ask a shared record what became of the day."""
        self._stop: asyncio.Future[Stopped] = asyncio.get_running_loop().create_future()
        """Who wants the day stopped, and why."""
        self._keep = keep
        self._time = time
        self._warn = warn
        self._inbox = inbox.Inbox(self.folder)
        self._stops: list[Mapping[str, Any]] = []
        self._stopped: set[str] = set()
        """Runs that know of the stop."""
        processes.write(self.folder)

    @asynccontextmanager
    async def listen(self, shared: str | None) -> AsyncIterator[None]:
        """Listen as long as this lasts, on a shared record too, and to signals."""
        listening = asyncio.create_task(self._listen())
        try:
            with self._signals():
                if shared is None:
                    yield
                else:
                    from runner.engine import shared_presence

                    async with shared_presence.joined(self, shared):
                        yield
        finally:
            listening.cancel()
            await asyncio.wait({listening})
            if not listening.cancelled() and (problem := listening.exception()):
                self._warn(f"warning: reading messages to this GameDay ended early: {problem}")

    async def unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for it. Raises Stopped as soon as somebody wants the day stopped; the work is then dropped."""
        task = asyncio.create_task(work)
        either: set[asyncio.Future[Any]] = {task, self._stop}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            self.raise_if_stopped()
            await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    def raise_if_stopped(self) -> None:
        """Raises Stopped where somebody wants the day stopped already."""
        if self._stop.done():
            raise self._stop.result()

    def end_early(self, by: str, sentence: str) -> None:
        """What a shared record that is lost means for the day: it goes on, and others cannot reach it there."""
        self._warn(f"warning: others can no longer reach this GameDay on the shared record ({by}: {sentence})")

    def find(self, severity: str, message: str) -> None:
        """Of the shared record."""
        self._warn(f"{severity}: {message}")

    async def _listen(self) -> None:
        try:
            while True:
                self._read()
                await asyncio.sleep(POLL_S)
        finally:  # whatever broke: a day that hears no stop begins no other step
            self._end("the GameDay can no longer receive a stop", by_person=False)

    def _end(self, reason: str, *, by_person: bool = True) -> None:
        if not self._stop.done():
            self._stop.set_result(Stopped(reason, by_person=by_person))

    def _read(self) -> None:
        runs = [run for run in live.live_runs(paths.runs_dir()) if run.is_from_this_process()]
        message: Mapping[str, Any]
        for message in self._inbox.poll():
            if message.get("kind") == "stop":
                self._stops.append(message)
            elif not _pass_on(runs, message):
                self._keep(self._of(message))
        for message in self._stops[:1]:  # also a run that begins at this very moment hears it
            self._stopped |= {run.run for run in runs if run.run not in self._stopped and _pass_on([run], message)}
            if not self._stop.done():
                self._keep(said := self._of(message))
                self._end(f"stopped by {said.by}{f': {said.text}' if said.text else ''}")

    def _of(self, message: Mapping[str, Any]) -> Said:
        now = self._time.monotonic()
        ago_s = (now - int(message.get("mono_ns") or now)) / 1e9
        return Said(
            at=self._time.now() - timedelta(seconds=max(0.0, ago_s)),
            kind=str(message.get("kind")),
            by=str(message.get("by") or "somebody"),
            text=str(message.get("note") or message.get("reason") or ""),
        )

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Between the steps Ctrl-C and its like stop the day in order; while a step runs its run hears them itself."""
        tell = asyncio.get_running_loop().call_soon_threadsafe

        def interrupt(number: int, _: object) -> None:
            self.signal = self.signal or signal.Signals(number)
            tell(
                self._end,
                "interrupted by Ctrl-C" if self.signal is signal.SIGINT else f"ended by {self.signal.name}",
            )

        heard = [signal.SIGINT, signal.SIGTERM]
        if (
            signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        ):  # under `nohup` a closed terminal is no reason to stop
            heard.append(signal.SIGHUP)
        before = {number: signal.signal(number, interrupt) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _pass_on(runs: list[live.LiveRun], message: Mapping[str, Any]) -> bool:
    """Pass a message on to the runs of this process; whether there was one to take it."""
    taken = False
    for run in runs:
        with contextlib.suppress(errors.EnvironmentFailure):  # it has just ended
            inbox.post(run.folder, message)
            taken = True
    return taken
