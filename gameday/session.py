"""Session: plays a scenario step by step on the engine it is given, and keeps the record of the day after each of them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from gameday import record, verdict
from gameday.messages import Messages, Stopped
from gameday.record import GameDay, State, StepResult
from gameday.scenario import Scenario, Step, locate_experiment
from runner import clock, errors, files, units
from runner.app.run_many import Interruption, run_many
from runner.engine.options import View
from runner.rundir.names import RECORD
from runner.timeline import result
from runner.timeline.mark import Said
from runner.timeline.record import RunRecord
from runner.timeline.result import ExperimentResult


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a step asks of the engine."""

    path: str
    gameday: str
    step: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    wrap: Callable[[View], View] | None = None
    """Goes around the view of the run, so that the day hears whether a person wants the end."""


DELIVERY_S = 30.0
"""How much longer than asked for it is waited until somebody has heard the notice."""
RunExperiment = Callable[[Request], Awaitable[RunRecord]]
"""Runs one experiment. Raises ChaosRunError while nothing has been injected."""


class Notice(Protocol):
    """How others are told of the day before its first step."""

    before_s: float

    def give(self, day: GameDay, announcement: str) -> None: ...

    def call_off(self, day: GameDay, why: str) -> None: ...

    def reached(self) -> tuple[str, ...] | None:
        """Whom it has reached; None while it is under way."""
        ...


@dataclass(kw_only=True)
class Session:
    """One day being played. `say` gets one line for people at a time."""

    scenario: Scenario
    path: Path
    run: RunExperiment
    say: Callable[[str], None]
    roles: Mapping[str, tuple[str, ...]]
    fast: bool = False
    notice: Notice | None = None
    shared: str | None = None
    """The URL of a record that other machines share: from them too people tell the day something, and stop it."""
    time: clock.Clock = field(default_factory=clock.SystemClock)
    _day: GameDay = field(init=False)
    """As it stands."""

    async def play(self) -> GameDay:
        """All steps; the record is on disk whatever happens, also when this is cancelled."""
        self._day = self._begin()
        messages = Messages(self._day, self.time, self.say, self._keep_message)
        async with messages.listen(self.shared):
            day = await self._play_all(messages)
            messages.last_words = {"sentence": day.sentence, "exit_code": day.exit_code}
        files.write_atomically(messages.folder / RECORD, day.to_json())  # from here on it is not live any more
        return day

    async def _play_all(self, messages: Messages) -> GameDay:
        try:
            await messages.unless_stopped(self._give_notice())
            steps = _Steps(self, messages, began_ns=self.time.monotonic())
            known = [result.not_run(step.name, "its time has not come") for step in self.scenario.steps]
            reason = await run_many(known, steps)
        except Stopped as stopped:
            if self.notice and stopped.by_person:
                self.notice.call_off(self._day, stopped.reason)
            return self._close(State.STOPPED, stopped.reason, by_person=stopped.by_person)
        except asyncio.CancelledError:
            if self.notice and not self._day.steps:
                self.notice.call_off(self._day, "a person interrupted it")
            self._close(State.INTERRUPTED, "a person interrupted the day")
            raise
        if not reason:
            return self._close(State.FINISHED, "")
        interrupted = any(found.code == errors.ExitCode.INTERRUPTED and found.failed_to_start for found in known)
        return self._close(State.INTERRUPTED if interrupted else State.STOPPED, reason)

    def _begin(self) -> GameDay:
        now = self.time.now()
        day = GameDay(
            id=record.new_id(now),
            title=self.scenario.title,
            service=self.scenario.service,
            scenario=str(self.path),
            started=now,
            ended=now,
            pid=os.getpid(),
            fast=self.fast,
            roles=self.roles,
            planned=tuple(step.name for step in self.scenario.steps),
        )
        self.say(f"{day.id}: {day.title}{' (fast: a rehearsal)' if self.fast else ''}")
        if self.scenario.notice:
            self.say(f"notice: {self.scenario.announcement}")
        return self._keep(day)

    async def _give_notice(self) -> None:
        """Tell others, and wait as long as they are to have. Raises Stopped when that was asked for and nobody heard it."""
        if self.notice is None:
            return
        self.notice.give(self._day, self.scenario.announcement)
        if not self.notice.before_s:
            return
        self.say(f"notice is sent, the day begins in {units.format_duration(self.notice.before_s)}")
        await self.time.sleep(self.notice.before_s)
        reached = await clock.poll_until_async(
            self.notice.reached, DELIVERY_S, 0.1, enough=lambda told: told is not None, clock=self.time
        )
        self.say(f"notice was delivered to {', '.join(reached or ()) or 'no channel'}")
        if not reached:
            raise Stopped("the notice could not be delivered to any channel", by_person=False)

    def offset(self, step: Step) -> float:
        """When a step is due, in seconds from the start of the day."""
        return step.at * self.scenario.fast.factor if self.fast else step.at

    def add(self, step: StepResult) -> None:
        """One more step is over."""
        self._keep(replace(self._day, steps=(*self._day.steps, step), ended=self.time.now()))
        self.say(f"{step.name}: {step.verdict}: {step.sentence}")

    def _keep_message(self, said: Said) -> None:
        """On disk at once: what a person says must not be lost."""
        self._keep(replace(self._day, said=(*self._day.said, said)))
        self.say(said.sentence)

    def _close(self, state: State, reason: str, *, by_person: bool = False) -> GameDay:
        day = replace(self._day, state=state, ended=self.time.now())
        decided = verdict.judge(day, self.scenario.goals, reason, by_person=by_person)
        self.say(f"{decided.id}: {decided.verdict}: {decided.sentence}")
        return self._keep(decided)

    def _keep(self, day: GameDay) -> GameDay:
        self._day = day
        record.save(day)
        return day


class _Steps:
    """The steps of one day, as the loop over experiments has them run."""

    def __init__(self, session: Session, messages: Messages, *, began_ns: int) -> None:
        self._session = session
        self._messages = messages
        self._began_ns = began_ns
        self._started = session.time.now()

    @property
    def signal(self) -> signal.Signals | None:
        """By which a person has asked for the end between two steps."""
        return self._messages.signal

    async def ready(self, at: int) -> str:
        """At the step's offset. Raises Stopped when somebody wants the day stopped before it."""
        session, step = self._session, self._session.scenario.steps[at]
        await self._messages.unless_stopped(self._wait_for(step))
        notice = f" {step.notice}" if step.notice else ""
        session.say(f"step {at + 1} of {len(session.scenario.steps)}: {step.name} ({step.experiment}).{notice}")
        self._started = session.time.now()
        return ""

    async def run(self, at: int, interruption: Interruption) -> RunRecord:
        """The step's experiment, with the variables of the day."""
        session, step = self._session, self._session.scenario.steps[at]
        variables = (session.scenario.fast.variables if session.fast else {}) | step.variables
        path = str(locate_experiment(step.experiment, session.path))
        return await session.run(
            Request(path=path, gameday=self._messages.run, step=step.name, variables=variables, wrap=interruption.watch)
        )

    def keep(self, at: int, found: ExperimentResult) -> None:
        """Onto the day's record as soon as the step is over."""
        session, step = self._session, self._session.scenario.steps[at]
        targets = (step.detect_within, step.recover_within)
        if found.record:
            session.add(record.of_run(found.record, step.name, session.offset(step), targets))
        elif found.failed_to_start:
            session.add(self._failed(step, found))

    def ends(self, at: int, found: ExperimentResult) -> str:
        """A step whose failure the scenario does not allow for ends the day. Raises Stopped as `ready` does."""
        step = self._session.scenario.steps[at]
        if at + 1 < len(self._session.scenario.steps):
            self._messages.raise_if_stopped()
        if step.go_on:
            return ""
        if found.failed_to_start:
            return f"{step.name} could not be run"
        return f"{step.name} was aborted" if found.code == errors.ExitCode.ABORTED else ""

    def _failed(self, step: Step, found: ExperimentResult) -> StepResult:
        return StepResult(
            name=step.name,
            experiment=str(locate_experiment(step.experiment, self._session.path)),
            planned_s=self._session.offset(step),
            started=self._started,
            ended=self._session.time.now(),
            verdict=found.code.name,
            exit_code=found.code,
            sentence="; ".join([found.sentence, *found.reasons]),
            detect_within=step.detect_within,
            recover_within=step.recover_within,
        )

    async def _wait_for(self, step: Step) -> None:
        """Until the step's offset; a step that is late because of the one before starts at once."""
        session = self._session
        left = session.offset(step) - (session.time.monotonic() - self._began_ns) / 1e9
        if left > 0:
            session.say(f"next: {step.name} in {units.format_duration(left)}")
            await session.time.sleep(left)
        elif left < -1:
            session.say(f"next: {step.name}, {units.format_duration(-left)} late: the step before took longer")
