"""Hooking: the controls of a run, called in the worker: which of them stopped it, and the last of them, after the undo."""

from __future__ import annotations

import asyncio

from runner.chaostoolkit.journal import Journal
from runner.engine.session import Session
from runner.engine.supervisor import Supervisor
from runner.process import messages
from runner.process.messages import Changed, ControlHeard, Ended
from runner.timeline.vocabulary import StopReason

LAST_S = 10.0
"""How long the hooks that come after the undo may take together."""
OWN_CODE = "stopped by the experiment's own code, which asked Chaos Toolkit to exit"


class Hooks:
    """Mutable, one a run."""

    def __init__(self, session: Session, supervisor: Supervisor, *, expected: bool) -> None:
        """`expected`: the experiment or the settings have controls."""
        self.waiting = asyncio.Event()
        """The worker injects nothing any more, and waits for the undo before it calls the last hooks."""
        self._session = session
        self._supervisor = supervisor
        self._expected = expected
        self._why = ""

    def take(self, message: ControlHeard | Changed) -> None:
        """A control has ended the run, or has failed, which Chaos Toolkit passes over, or has changed what is not its to change."""
        if isinstance(message, Changed):
            self._session.find(
                "warning", f"a control changed {message.what}: ignored, the run keeps to the experiment's file"
            )
            return
        name, why = message.name, message.why
        if message.stops and not self._why:
            self._why = f"stopped by the control {name!r}: {why}"
        elif not message.stops and not self._why:  # else: hooks after what was stopped get nothing to look at
            self._session.find("warning", f"the control {name!r} failed, and the run went on without it: {why}")

    def wait(self) -> None:
        """The worker waits: it is no process of the method that the undo has to end."""
        self._supervisor.spare = self._supervisor.worker.pid
        self.waiting.set()

    def ended(self, message: Ended) -> None:
        """Chaos Toolkit ended the method; where that was not its end, the reason stops the run."""
        if message.status not in ("aborted", "interrupted"):
            return
        if self._why or message.asked:
            self._session.end_early(StopReason.CONTROL, self._why or OWN_CODE)
        else:
            where = message.broke or "see worker.log"
            why = f"Chaos Toolkit ended the method as {message.status!r}: {where}"
            self._session.end_early(StopReason.RUNNER, why)

    async def conclude(self, journal: Journal, *, over: bool) -> None:
        """Have the hooks called that come after the rollbacks, with Chaos Toolkit's own account of those."""
        if not self.waiting.is_set():
            if self._expected and not over:
                self._session.find("warning", "the controls' last hooks were not called: the worker had to be killed")
            return
        worker, finished = self._supervisor.worker, False
        await worker.send(messages.Conclude(rollbacks=tuple(journal.rollbacks)))
        try:
            async with asyncio.timeout(LAST_S):
                async for message in worker.messages():
                    journal.note(message)
                    finished = isinstance(message, messages.Finished)
                    if isinstance(message, ControlHeard):
                        self._late(message)
                    elif finished or isinstance(message, messages.Crashed):
                        break
        except TimeoutError:
            pass
        if not finished:
            self._session.find("warning", f"the controls' last hooks did not finish within {LAST_S:g} s after the undo")

    def _late(self, message: ControlHeard) -> None:
        did = "asked for the end" if message.stops else "failed"
        self._session.find("warning", f"the control {message.name!r} {did} after the undo: {message.why}")
