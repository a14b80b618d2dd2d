"""Silencing: the silences of one run, asked for after the baseline and before the first fault, and the proof that none is left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from runner import errors
from runner.engine.session import Session
from runner.inject.ledger import SILENCE, Ledger
from runner.inject.supervisor import Supervisor
from runner.plan import translate
from runner.spec.silencing import Silence

SPARE_S = 15.0
"""How much longer a look may take than all its requests are allowed to: the undoer forks and imports for it."""


class Silencing:
    """All of one run; without any, nothing is asked and nothing imported."""

    def __init__(self, session: Session, supervisor: Supervisor, ledger: Ledger) -> None:
        self.cleared: list[str] = []
        """What was found clean after the undo, a sentence for each Alertmanager."""
        self._session = session
        self._supervisor = supervisor
        self._ledger = ledger
        self._asked = session.experiment.block.silence
        self._wait_s = sum(s.timeout for s in self._asked)

    def __bool__(self) -> bool:
        return bool(self._asked)

    async def check(self) -> None:
        """See that all can be reached and read. Raises EnvironmentFailure, UsageError for a URL that holds a secret."""
        for silence in self._asked:
            if self._session.mask.text(silence.alertmanager + silence.said) != silence.alertmanager + silence.said:
                said = "a silence's URL or matchers hold a secret, which would be kept in the undo ledger"
                raise errors.UsageError(said, hint="give secrets: a group with token, or username and password")
        asked = [self._arguments(n, s) for n, s in enumerate(self._asked, 1)]
        if problem := await self._look("look", asked=asked):
            raise errors.EnvironmentFailure(f"no silence can be made: {problem}; nothing was injected")

    async def begin(self) -> None:
        """Make them, each with its undo record before it; one that cannot be made stops the run before anything is injected."""
        seconds = translate.silent_s(self._session.experiment)
        why = f"{self._session.experiment.title}: expected while this drill runs, ends with it"
        for number, silence in enumerate(self._asked, 1):
            if self._session.stop.done():
                return
            args, where = self._arguments(number, silence), f"{silence.said} at {silence.alertmanager}"
            self._ledger.open(SILENCE, f"end the silence of {where}", **args)
            try:
                problem = await self._place(args=args, seconds=seconds, why=why)
            except errors.EnvironmentFailure as failed:
                problem = failed.message
            if problem:
                said = f"no silence of {silence.said}: {problem}; nothing was injected"
                self._session.find("error", said)
                self._session.end_early("runner", said)
                return
            self._session.find("info", f"silenced, until {args['ends']} at the latest: {where}")

    async def left(self) -> list[str]:
        """What is left of them, a sentence each; what cannot be seen counts as left."""
        if not self._ledger.records(SILENCE):
            return []
        try:
            found = await self._look("left")
        except errors.EnvironmentFailure as problem:
            return [f"whether a silence of this run is left is not known: {problem.message}"]
        self.cleared = list(found["cleared"])
        return list(found["residue"])

    async def _place(self, **arguments: Any) -> str:
        self._supervisor.stake()
        return str(await self._look("place", **arguments))

    async def _look(self, step: str, **arguments: Any) -> Any:
        return await self._supervisor.look("silences", deadline_s=SPARE_S + 3 * self._wait_s, step=step, **arguments)

    def _arguments(self, number: int, silence: Silence) -> dict[str, Any]:
        ends = self._session.clock.now() + timedelta(seconds=translate.silent_s(self._session.experiment))
        return {
            "alertmanager": silence.alertmanager,
            "secrets": silence.secrets,
            "timeout_s": silence.timeout,
            "number": number,
            "matchers": [m.model_dump() for m in silence.all],
            "said": silence.said,
            "ends": f"{ends:%Y-%m-%d %H:%M:%S} UTC",
        }
