"""The team: what a run has to do with a record that others share, from a thread of its own that nothing waits for.

Others see the run there, are kept off its targets, and tell it to stop from their machines. A record that goes away takes none of
this run's own machinery along: neither the watch nor the undo knows of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from runner import errors, units
from runner.rundir import inbox, live, paths
from runner.store.presence import LASTS_S, Held, Presence, SharedRun
from runner.timeline.vocabulary import StopReason

POLL_S = 0.5
"""Between two looks at what others have told the run."""
RENEW_S = 5.0
ANSWER_S = 30.0
"""A record that does not answer for so long before anything is broken is not there."""
LEAVE_S = 3.0
"""At the end: what cannot be taken down in this time runs out by itself."""

SILENT_S = 5.0
"""A record that was not reached for so long is not waited for at the end."""

Order = Callable[[Presence], Any]


class Member(Protocol):
    """A run or a GameDay, as far as a shared record has to do with it."""

    @property
    def run(self) -> str: ...

    @property
    def folder(self) -> Path:
        """Where its inbox is."""
        ...

    @property
    def last_words(self) -> Mapping[str, Any] | None:
        """What it leaves for those who ask what became of it; None where only its verdict can tell."""
        ...

    def end_early(self, by: StopReason, sentence: str) -> None: ...

    def find(self, severity: str, message: str) -> None: ...


@asynccontextmanager
async def joined(session: Member, url: str) -> AsyncIterator[Team]:
    """Be seen on a shared record as long as the run lasts."""
    team = Team(session, url)
    team.start()
    try:
        yield team
    finally:
        await team.leave()


class Team(threading.Thread):
    """One thread, one connection. A daemon: a database that hangs must not keep a run from ending."""

    def __init__(self, session: Member, url: str) -> None:
        super().__init__(name="team", daemon=True)
        self._session = session
        self._url = url
        self._loop = asyncio.get_running_loop()
        self._me = (session.run, platform.node(), units.user())
        self._orders: queue.SimpleQueue[tuple[Order, Future[Any], bool]] = queue.SimpleQueue()
        self._scopes: Sequence[str] = ()
        self._known: set[str] = set()
        """Messages that are in the run's inbox: each goes there once, also where it could not be acknowledged at once."""
        self._renewed = self._reached = 0.0
        self._silent = self._left = False

    def run(self) -> None:
        """Until it is told to leave."""
        from runner.store.database import Database

        database = Database(self._url)
        presence = Presence(database)
        self._reached = time.monotonic()
        over = False
        try:
            while not over:
                self._beat(presence)
                over = not self._served(presence)
        finally:
            database.close()
            if not over:
                self._say(
                    self._session.end_early,
                    StopReason.RUNNER,
                    "this run's locks on the shared record are no longer renewed",
                )

    async def claim(self, scopes: Sequence[str]) -> None:
        """Hold these targets from here on. Raises Refused, naming the holder, and EnvironmentFailure."""
        try:
            taken = await self._claimed(scopes)
        except Held as held:
            raise errors.Refused(
                f"another run has this target ({held.scope})",
                reasons=[f"held by {held.holder.holding}"],
                hint=f"wait for it, or end it from here with: chaos-run stop {held.holder.run}",
            ) from None
        for dead in taken:
            self._session.find(
                "warning",
                f"the target was taken over from run {dead}, {dead.heard}, which has ended or died:"
                " if it died, run `chaos-run recover` there to undo what it left",
            )

    async def release(self) -> None:
        """Let go of the targets."""
        self._scopes = ()
        with contextlib.suppress(errors.EnvironmentFailure, TimeoutError):
            await self._do(lambda presence: presence.release(self._session.run), self._patience_s())

    async def leave(self) -> None:
        """The run is over, on the record or not; one that struck and could not be saved leaves no word that it is harmless."""
        self._left, run, words = True, self._session.run, self._session.last_words
        with contextlib.suppress(errors.EnvironmentFailure, TimeoutError):
            await self._do(lambda presence: presence.leave(run, words), self._patience_s(), last=True)

    async def _claimed(self, scopes: Sequence[str]) -> list[SharedRun]:
        """A holder of this very machine that is over, or was recovered before because its runner died, is not waited for."""
        dead: set[str] = set()
        while True:
            try:
                taken: list[SharedRun] = await self._do(lambda presence: self._claim(presence, scopes, dead), ANSWER_S)
            except TimeoutError:
                raise errors.EnvironmentFailure(
                    f"the shared record does not answer within {ANSWER_S:g} s: no target can be locked"
                ) from None
            except Held as held:
                if held.holder.run in dead or not live.is_left(paths.runs_dir(), held.holder.run):
                    raise
                dead.add(held.holder.run)
            else:
                return taken

    def _claim(self, presence: Presence, scopes: Sequence[str], dead: set[str]) -> list[SharedRun]:
        presence.appear(*self._me)
        taken = presence.claim(self._session.run, scopes, dead)
        self._scopes, self._renewed = scopes, time.monotonic()
        return taken

    async def _do(self, order: Order, within_s: float, *, last: bool = False) -> Any:
        done: Future[Any] = Future()
        self._orders.put((order, done, last))
        return await asyncio.wait_for(asyncio.wrap_future(done), within_s)

    def _patience_s(self) -> float:
        """For a record that answers; one that has fallen silent is not waited for."""
        return LEAVE_S if time.monotonic() - self._reached < SILENT_S else 0.0

    def _served(self, presence: Presence) -> bool:
        """Wait for an order, and carry it out; False after the last: a heartbeat more, and others would see the run again."""
        try:
            order, done, last = self._orders.get(timeout=POLL_S)
        except queue.Empty:
            return True
        if done.set_running_or_notify_cancel():
            try:
                done.set_result(order(presence))
            except (errors.ChaosRunError, Held) as problem:
                done.set_exception(problem)
        return not last

    def _say(self, say: Callable[..., None], *said: str) -> None:
        """To the run, in its own thread. One that has left hears nothing more, and its loop may be closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(lambda: None if self._left else say(*said))

    def _beat(self, presence: Presence) -> None:
        now = time.monotonic()
        try:
            if now - self._renewed >= RENEW_S:
                presence.renew(*self._me, self._scopes)
                self._renewed = now
            self._hear(presence)
            self._reached = time.monotonic()
        except Held as held:
            self._scopes = ()
            lost = f"the target was lost on the shared record to run {held.holder}"
            self._say(self._session.end_early, StopReason.RUNNER, lost)
        except errors.ChaosRunError:
            self._miss()

    def _hear(self, presence: Presence) -> None:
        """What others tell goes the way of what is told here: into the inbox of the run's folder."""
        if told := presence.hear(self._session.run):
            for number, message in told.items():
                if number not in self._known:
                    inbox.post(self._session.folder, message)
                    self._known.add(number)
            presence.acknowledge(told)

    def _miss(self) -> None:
        """A record that is away ends no run; one that is away for long is worth knowing."""
        if time.monotonic() - self._reached > LASTS_S / 2 and not self._silent:
            self._silent = True
            said = (
                "the shared record has not answered for half a minute: others can neither see nor stop this run there"
            )
            self._say(self._session.find, "warning", said)
