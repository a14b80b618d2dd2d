"""Session: plays a scenario step by step on the engine it is given, and keeps the record of the day after each of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from gameday import record, verdict
from gameday.messages import Messages, Stopped
from gameday.record import GameDay, StepResult
from gameday.scenario import Scenario, Step, locate_experiment
from runner import clock, errors, files, units
from runner.timeline.mark import Said
from runner.timeline.record import RunRecord


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a step asks of the engine."""

    path: str
    gameday: str
    step: str
    variables: Mapping[str, Any] = field(default_factory=dict)


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
        messages = Messages(self._day, self.time, self.say, self._heard)
        async with messages.heard(self.shared):
            day = await self._play_all(messages)
            messages.last_words = {"sentence": day.sentence, "exit_code": day.exit_code}
        files.write_atomically(messages.folder / "record.json", day.to_json())  # from here on it is not live any more
        return day

    async def _play_all(self, messages: Messages) -> GameDay:
        try:
            await messages.unless_stopped(self._give_notice())
            began_ns = self.time.monotonic()
            for number, step in enumerate(self.scenario.steps, 1):
                await messages.unless_stopped(self._wait_for(step, began_ns))
                self._announce(number, step)
                result = await self._play(step)
                self._keep(replace(self._day, steps=(*self._day.steps, result), ended=self.time.now()))
                self.say(f"{step.name}: {result.verdict}: {result.sentence}")
                if reason := _ends_the_day(step, result):
                    return self._close("interrupted" if result.verdict == "INTERRUPTED" else "stopped", reason)
        except Stopped as stopped:
            if self.notice and stopped.by_person:
                self.notice.call_off(self._day, stopped.reason)
            return self._close("stopped", stopped.reason, by_person=stopped.by_person)
        except asyncio.CancelledError:
            if self.notice and not self._day.steps:
                self.notice.call_off(self._day, "a person interrupted it")
            self._close("interrupted", "a person interrupted the day")
            raise
        return self._close("finished", "")

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

    async def _wait_for(self, step: Step, began_ns: int) -> None:
        """Until the step's offset; a step that is late because of the one before starts at once."""
        left = self.offset(step) - (self.time.monotonic() - began_ns) / 1e9
        if left > 0:
            self.say(f"next: {step.name} in {units.format_duration(left)}")
            await self.time.sleep(left)
        elif left < -1:
            self.say(f"next: {step.name}, {units.format_duration(-left)} late: the step before took longer")

    def _announce(self, number: int, step: Step) -> None:
        notice = f" {step.notice}" if step.notice else ""
        self.say(f"step {number} of {len(self.scenario.steps)}: {step.name} ({step.experiment}).{notice}")

    async def _play(self, step: Step) -> StepResult:
        started = self.time.now()
        targets = (step.detect_within, step.recover_within)
        variables = (self.scenario.fast.variables if self.fast else {}) | step.variables
        path = str(locate_experiment(step.experiment, self.path))
        try:
            run = await self.run(Request(path=path, gameday=self._day.id, step=step.name, variables=variables))
        except errors.ChaosRunError as problem:
            return StepResult(
                name=step.name,
                experiment=path,
                planned_s=self.offset(step),
                started=started,
                ended=self.time.now(),
                verdict=errors.ExitCode(problem.exit_code).name,
                exit_code=problem.exit_code,
                sentence="; ".join([problem.message, *getattr(problem, "reasons", ())]),
                detect_within=targets[0],
                recover_within=targets[1],
            )
        return record.of_run(run, step.name, self.offset(step), targets)

    def _heard(self, said: Said) -> None:
        """On disk at once: what a person says is lost with nobody."""
        self._keep(replace(self._day, said=(*self._day.said, said)))
        self.say(said.sentence)

    def _close(self, state: record.State, reason: str, *, by_person: bool = False) -> GameDay:
        day = replace(self._day, state=state, ended=self.time.now())
        decided = verdict.judge(day, self.scenario.goals, reason, by_person=by_person)
        self.say(f"{decided.id}: {decided.verdict}: {decided.sentence}")
        return self._keep(decided)

    def _keep(self, day: GameDay) -> GameDay:
        self._day = day
        record.save(day)
        return day


def _ends_the_day(step: Step, result: StepResult) -> str:
    """Why nothing more may be injected today, or an empty text."""
    match errors.ExitCode(result.exit_code):
        case errors.ExitCode.UNDO_FAILED:
            return f"the undo of {step.name} failed or left something behind"
        case errors.ExitCode.INTERRUPTED:
            return f"a person interrupted {step.name}"
        case errors.ExitCode.ABORTED if result.aborted_by == "person":
            return f"a person stopped {step.name}"
        case errors.ExitCode.ABORTED if not step.go_on:
            return f"{step.name} was aborted"
        case errors.ExitCode.USAGE | errors.ExitCode.REFUSED | errors.ExitCode.ENVIRONMENT if not step.go_on:
            return f"{step.name} could not be run"
        case _:
            return ""
