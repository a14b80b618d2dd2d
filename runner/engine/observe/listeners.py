"""Ports of this machine that somebody listens on since the baseline: what an action started by way of others (a container) shows there.

The table of ports is read beside the baseline and beside the recovery, so that nobody waits for it.
"""

from __future__ import annotations

import asyncio

from runner.engine.session import Session
from runner.experiment import tree
from runner.experiment.experiment import Experiment
from runner.faults import host
from runner.process import ports


class Listeners:
    """Mutable, one a run; without an action that could start a program nothing is looked at."""

    def __init__(self, session: Session, experiment: Experiment) -> None:
        self._session = session
        self._concerned = any(map(host.runs_anything, tree.providers(list(experiment.actions))))
        self._since = 0.0
        self._before: asyncio.Task[frozenset[str]] | None = None
        self._new: asyncio.Task[list[str]] | None = None

    def note(self) -> None:
        """Begin to read who listens before anything is changed."""
        if self._concerned:
            self._since = ports.process_clock()
            self._before = asyncio.create_task(asyncio.to_thread(ports.now))

    def compare(self) -> None:
        """Begin to read who listens when everything is undone."""
        if self._before is not None:
            self._new = asyncio.create_task(self._compared(self._before))

    async def tell(self) -> None:
        """A finding for each that was not there before."""
        for port in await self._new if self._new else ():
            self._session.find("info", port)

    async def _compared(self, before: asyncio.Task[frozenset[str]]) -> list[str]:
        return await asyncio.to_thread(ports.new, await before, self._since)
