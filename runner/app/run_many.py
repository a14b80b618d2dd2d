"""Run several experiments one after another, for a gate or a GameDay. Whatever keeps one from running is its result, and the next one
has its turn; only a person, or something that is still broken, ends the series."""

from __future__ import annotations

import signal
from collections.abc import Callable, MutableSequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, Self

from runner import errors
from runner.engine.options import View
from runner.rundir import inbox
from runner.timeline import result
from runner.timeline.event import Event
from runner.timeline.record import RunRecord
from runner.timeline.result import ExperimentResult
from runner.timeline.status import Status
from runner.timeline.vocabulary import MarkName, StopReason

BEGUN = "started, but chaos-run ended before its verdict: see chaos-run history, then run chaos-run recover"


class Host(Protocol):
    """Who has the experiments run: what happens between them, and where the results go."""

    @property
    def signal(self) -> signal.Signals | None:
        """By which a person or a CI has asked for the end, outside of a run."""
        ...

    async def ready(self, at: int) -> str:
        """Wait until the experiment may begin. Why it and all after it may not, else empty."""
        ...

    async def run(self, at: int, interruption: Interruption) -> RunRecord:
        """Run it, its view wrapped by `interruption.watch`. Raises ChaosRunError while nothing has been injected."""
        ...

    def keep(self, at: int, found: ExperimentResult) -> None:
        """More is known of it: it has begun, or ended."""
        ...

    def ends(self, at: int, found: ExperimentResult) -> str:
        """Why none is begun after this one, for the host's own reasons, else empty."""
        ...


async def run_many(known: MutableSequence[ExperimentResult], host: Host) -> str:
    """Run all that are `result.NOT_RUN`, in order; `known` is kept up to date. Why the series ended early, else empty.

    Only what no face can explain is raised: an error that is not ours to expect, and what `ready` raises.
    """
    over = ""
    for at, waiting in enumerate(known):
        if waiting.kind != result.NOT_RUN:
            continue
        over = over or await host.ready(at)
        if over:
            known[at] = replace(waiting, sentence=f"not run: {over}")
            continue
        known[at] = replace(waiting, kind=result.UNFINISHED, sentence=BEGUN)
        host.keep(at, known[at])
        interruption = Interruption(lambda: host.signal)
        known[at] = await _result_of(waiting, at, host, interruption)
        host.keep(at, known[at])
        over = _ends_any_series(known[at]) or host.ends(at, known[at])
        if not over and at + 1 < len(known) and (interruption.heard or _was_told_to_stop(known[at])):
            over = f"a person stopped {known[at].file}"  # too late for its verdict, and meant for all of them
    return over


async def _result_of(waiting: ExperimentResult, at: int, host: Host, interruption: Interruption) -> ExperimentResult:
    try:
        return result.of_record(waiting.file, await host.run(at, interruption))
    except errors.ChaosRunError as problem:
        return result.of_error(waiting.file, problem, title=waiting.title)


def _ends_any_series(found: ExperimentResult) -> str:
    """Nothing is broken on top of what is still broken, and a person who stops one run means all of them."""
    if found.code == errors.ExitCode.UNDO_FAILED:
        return f"the undo of {found.file} failed or left something behind, which would falsify every other run"
    if found.code == errors.ExitCode.INTERRUPTED:
        return f"a person interrupted {found.file}"
    aborted = found.record.mark(MarkName.ABORTED) if found.record else None
    return f"a person stopped {found.file}" if aborted and aborted.source == StopReason.PERSON else ""


def _was_told_to_stop(found: ExperimentResult) -> bool:
    messages = inbox.Inbox(Path(found.record.folder)).poll() if found.record else ()
    return any(message.get("kind") == "stop" for message in messages)


class Interruption:
    """Whether a person (Ctrl-C, SIGTERM) asked for the end while an experiment ran: perhaps too late for its verdict, never for the series.

    `early` says which signal the host itself has caught: one that came before the run could hear it is raised again once it can.
    """

    def __init__(self, early: Callable[[], signal.Signals | None]) -> None:
        self.heard = False
        self._early = early

    def watch(self, view: View) -> View:
        """The view of the run, with an ear for signals."""
        return _InterruptionView(view, self)

    def raise_again(self) -> None:
        """The run has its own handlers from here on."""
        if number := self._early():
            signal.raise_signal(number)


class _InterruptionView:
    def __init__(self, view: View, interruption: Interruption) -> None:
        self._view = view
        self._interruption = interruption

    def __enter__(self) -> Self:
        self._view.__enter__()
        self._interruption.raise_again()
        return self

    def __exit__(self, *details: object) -> None:
        self._view.__exit__(*details)

    def event(self, event: Event) -> None:
        """Something happened."""
        self._view.event(event)

    def tick(self, status: Status) -> None:
        """How things stand."""
        self._view.tick(status)

    def interrupted(self, count: int) -> None:
        """Ctrl-C, or what means the same."""
        self._interruption.heard = True
        self._view.interrupted(count)
