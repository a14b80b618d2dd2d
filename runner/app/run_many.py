"""Gate: all files are read and checked, then those that can start are run; the results are on disk at every moment."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import click

from runner import errors, files
from runner.engine import options, run
from runner.engine.options import View
from runner.experiment import load
from runner.process import run_processes
from runner.report import gated, junit, markdown, words
from runner.report.gated import Gated
from runner.rundir import inbox
from runner.timeline.event import Event
from runner.timeline.status import Status


class Results:
    """The files of a gate: written before the first run, and anew whenever more is known, so that no end of ours leaves none."""

    def __init__(self, junit_file: Path | None, summary: Path | None) -> None:
        self._junit = junit_file
        self._summary = summary
        self._before = summary.read_text("utf-8", "replace") if summary and summary.exists() else ""

    def write(self, all_of_them: list[Gated]) -> None:
        """Both, whole or as they were. Raises EnvironmentFailure."""
        if self._junit:
            _put(self._junit, junit.render(all_of_them))
        if self._summary:
            _put(self._summary, self._before + markdown.summary(all_of_them))


def _put(path: Path, text: str) -> None:
    try:
        files.write_atomically(path.resolve(), text)
    except OSError as problem:
        raise errors.EnvironmentFailure(f"{path} cannot be written: {problem.strerror}") from None


def _unchecked(file: str) -> Gated:
    return Gated(
        file=file, code=errors.ExitCode.INTERRUPTED, kind=gated.NOT_RUN, sentence="not run: the gate ended before"
    )


class Gate:
    """Mutable, for one gate; `given` are the options that all its runs have in common."""

    def __init__(
        self, named: Iterable[str | errors.UsageError], given: dict[str, Any], results: Results, *, as_json: bool
    ) -> None:
        self._given = given
        self._results = results
        self._as_json = as_json
        self.asked: signal.Signals | None = None
        """By which signal a person or a CI wants the end."""
        self.over = ""
        """Why nothing more is begun."""
        self._named = list(named)
        self.known = [_unchecked(str(one)) for one in self._named]

    def play(self) -> errors.ExitCode:
        """Run what can be run, and write the results whatever happens. Raises EnvironmentFailure where they cannot be."""
        heard = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            heard.append(signal.SIGHUP)
        for number in heard:
            signal.signal(number, self._hear)
        try:
            self._results.write(self.known)
            self.known = [self._checked(one) for one in self._named]
            self._results.write(self.known)
            for at, one in enumerate(self.known):
                if one.kind == gated.NOT_RUN:
                    self._one(at)
        finally:
            run_processes.deafen(*heard)  # what comes now changes neither files nor exit code
            if problem := sys.exception():
                self._crashed(problem)
            self._results.write(self.known)
        self._say()
        return gated.worst(self.known)

    def _checked(self, named: str | errors.UsageError) -> Gated:
        """A file before any is run: not run yet, or the reason why it never can be."""
        if isinstance(named, errors.UsageError):
            return self._told(gated.of_error(named.message, named))
        try:
            experiment = load.load(
                named,
                variables=self._given["variables"],
                secret_variables=self._given["secret_variables"],
                settings=self._given.get("settings"),
            )
        except errors.ChaosRunError as problem:
            return self._told(gated.of_error(named, problem))
        return replace(_unchecked(named), title=experiment.title)

    def _one(self, at: int) -> None:
        waiting = self.known[at]
        if self.asked:
            self.over = f"{self.asked.name} came before it"
        if self.over:
            self.known[at] = replace(waiting, sentence=f"not run: {self.over}")
            return
        begun = "started, but the gate ended before its verdict: see chaos-run history, then run chaos-run recover"
        self._know(at, replace(waiting, kind=gated.UNFINISHED, sentence=begun))
        self._know(at, self._run(waiting))

    def _know(self, at: int, one: Gated) -> None:
        self.known[at] = one
        self._results.write(self.known)

    def _run(self, waiting: Gated) -> Gated:
        from runner.app.views import afterwards, choose

        try:
            view = _Hearing(choose(as_json=self._as_json, plain=True), self)
            asked = options.Options(path=waiting.file, afterwards=afterwards(), interactive=False, **self._given)
            record = asyncio.run(run.run(asked, view))
        except errors.ChaosRunError as problem:
            if isinstance(problem, errors.Interrupted):
                self.over = f"a person stopped the gate in {waiting.file}"
            return self._told(gated.of_error(waiting.file, problem, title=waiting.title))
        if any(message.get("kind") == "stop" for message in inbox.Inbox(Path(record.folder)).poll()):
            self.over = "a person stopped the run before"
        if record.exit_code == errors.ExitCode.UNDO_FAILED:
            self.over = f"{waiting.file} left its fault in place, which would falsify every other run"
        return gated.of_record(waiting.file, record)

    def _crashed(self, problem: BaseException) -> None:
        """Each that has no end yet, after an error that nobody expected."""
        for at, one in enumerate(self.known):
            if one.kind == gated.UNFINISHED:
                said = f"chaos-run itself crashed: {type(problem).__name__}: {problem}"
                self.known[at] = replace(one, kind=gated.CRASHED, sentence=said, code=errors.ExitCode.ENVIRONMENT)
            elif one.kind == gated.NOT_RUN:
                said = f"not run: chaos-run itself crashed before: {type(problem).__name__}: {problem}"
                self.known[at] = replace(one, sentence=said)

    def _hear(self, number: int, _: object) -> None:
        self.asked = self.asked or signal.Signals(number)

    def _told(self, one: Gated) -> Gated:
        where = "" if one.sentence.startswith(one.file) else f"{words.clean(one.file)}: "
        click.echo(f"error: {where}{words.clean(one.sentence)}", err=True)
        for line in one.details.splitlines():
            click.echo(f"  {words.clean(line)}", err=True)
        return one

    def _say(self) -> None:
        """How each ended, for whoever reads the job's log."""
        if self._as_json:
            return
        passed = sum(one.code == errors.ExitCode.PASS for one in self.known)
        code = gated.worst(self.known)
        click.echo(
            f"\ngate: {passed} of {words.plural(len(self.known), 'experiment')} passed, exit code {code.value} ({code.means})"
        )
        for one in self.known:
            why = "" if one.record else f": {words.clean(one.sentence.removeprefix(f'{one.file}:'))}"
            click.echo(f"  {words.title(one.verdict):<15} {words.clean(one.file)}{why}")


class _Hearing:
    """Wraps the view of a run of a gate: the gate has to know when a person wants the end, for it means all runs."""

    def __init__(self, view: View, gate: Gate) -> None:
        self._view = view
        self._gate = gate

    def __enter__(self) -> Self:
        self._view.__enter__()
        if self._gate.asked:  # before this run could hear it; now it can
            signal.raise_signal(self._gate.asked)
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
        self._gate.over = "a person, or the CI, ended the gate in the run before"
        self._view.interrupted(count)
