"""Silencing: what is made in a team's Alertmanagers for one run, before the first fault: the alert that says that a drill goes on,
and silences; and the proof that nothing of it is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from runner import errors, units
from runner.engine.session import Session
from runner.engine.supervisor import Supervisor
from runner.experiment.experiment import Experiment
from runner.experiment.silencing import Announcement, Silence
from runner.plan import translate
from runner.rundir.ledger import DRILL, SILENCE, Ledger
from runner.timeline.event import DRILL_ALERT
from runner.timeline.vocabulary import StopReason

SPARE_S = 15.0
"""How much longer a look may take than all its requests are allowed to: the undoer forks and imports for it."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """One thing to make: what its undo record will be called, and what it is called when it was made."""

    kind: str
    undo: str
    what: str
    args: Mapping[str, Any]


class Silencing:
    """All of one run; without any, nothing is asked and nothing imported."""

    def __init__(self, session: Session, experiment: Experiment, supervisor: Supervisor) -> None:
        self._session = session
        self._supervisor = supervisor
        self._ledger = Ledger(session.folder)
        self._title = experiment.title
        self._block = experiment.block
        self._seconds = translate.silent_s(experiment)
        self._deadline_s = SPARE_S + 3 * sum(one.timeout for one in (*self._block.silence, *self._block.announce))

    def __bool__(self) -> bool:
        return bool(self._block.silence or self._block.announce)

    async def check(self) -> None:
        """See that all can be reached and read. Raises EnvironmentFailure, UsageError for what holds a secret."""
        asked = [(one.kind, dict(one.args)) for one in self._asked()]
        if self._session.mask.value([args for _, args in asked]) != [args for _, args in asked]:
            said = "the silence or drill alert contains a secret, which would be kept in the undo ledger"
            raise errors.UsageError(said, hint="give secrets: a group with token, or username and password")
        for kind in dict.fromkeys(kind for kind, _ in asked):
            all_of_it = [args for k, args in asked if k == kind]
            if problem := await self._supervisor.readable(kind, all_of_it, self._deadline_s):
                raise errors.EnvironmentFailure(
                    f"no silence or drill alert can be made: {problem}; nothing was injected"
                )

    async def begin(self) -> None:
        """Make them, each with its undo record before it; one that cannot be made stops the run before anything is injected."""
        for one in self._asked():
            if self._session.stop.done():
                return
            self._ledger.open(one.kind, one.undo, **one.args)
            self._supervisor.arm_undo()
            try:
                problem = await self._place(one)
            except errors.EnvironmentFailure as failed:
                problem = failed.message
            if problem:
                said = f"not {one.what}: {problem}; nothing was injected"
                self._session.find("error", said)
                self._session.end_early(StopReason.RUNNER, said)
                return
            self._session.find("info", f"{one.what}, until {one.args['ends']} at the latest")

    async def _place(self, one: Made) -> str:
        why = f"{self._title}: expected while this drill runs, ends with it"
        if one.kind == DRILL:
            run, title = self._session.run, self._title
            why = f"DRILL: chaos-run {run} of “{title}”, run by {units.user()}, stop with: chaos-run stop {run}"
        return await self._supervisor.make(one.kind, one.args, self._seconds, why, deadline_s=self._deadline_s)

    def _asked(self) -> list[Made]:
        """In the order of making: the drill is announced before anything is silenced, and until it is heard again."""
        return [
            *(self._announced(a) for a in self._block.announce),
            *(self._silenced(n, s) for n, s in enumerate(self._block.silence, 1)),
        ]

    def _announced(self, asked: Announcement) -> Made:
        where = f"the alert {DRILL_ALERT} at {asked.alertmanager}"
        drill = {"alertname": DRILL_ALERT, "run": self._session.run, "service": self._block.service, "severity": "info"}
        args = self._there(asked) | {"labels": drill | asked.labels}
        return Made(kind=DRILL, undo=f"resolve {where}", what=f"announced by {where}", args=args)

    def _silenced(self, number: int, asked: Silence) -> Made:
        where = f"{asked.said} at {asked.alertmanager}"
        args = self._there(asked) | {"number": number, "matchers": [m.model_dump() for m in asked.all]}
        return Made(kind=SILENCE, undo=f"end the silence of {where}", what=f"silenced: {where}", args=args)

    def _there(self, asked: Announcement | Silence) -> dict[str, Any]:
        ends = self._session.clock.now() + timedelta(seconds=self._seconds)
        said = f"{ends:%Y-%m-%d %H:%M:%S} UTC"
        where = {"alertmanager": asked.alertmanager, "secrets": asked.secrets}
        return where | {"timeout_s": asked.timeout, "ends": said}
