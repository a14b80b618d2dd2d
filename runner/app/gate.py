"""Gate: all files are read and checked, then those that can start are run; the results are on disk at every moment."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner import errors, files
from runner.app.run_many import Interruption, run_many
from runner.app.run_one import run_one
from runner.engine.options import Options
from runner.experiment import load
from runner.process import run_processes
from runner.report import junit, markdown
from runner.timeline import result
from runner.timeline.record import RunRecord
from runner.timeline.result import ExperimentResult


class ResultFiles:
    """JUnit and summary: written before the first run, and anew whenever more is known, so that they are there however we end."""

    def __init__(self, junit_file: Path | None, summary: Path | None) -> None:
        self._junit = junit_file
        self._summary = summary
        self._before = summary.read_text("utf-8", "replace") if summary and summary.exists() else ""

    def write(self, results: Sequence[ExperimentResult]) -> None:
        """Both, whole or as they were. Raises EnvironmentFailure."""
        if self._junit:
            _write(self._junit, junit.render(results))
        if self._summary:
            _write(self._summary, self._before + markdown.summary(results))


def _write(path: Path, text: str) -> None:
    try:
        files.write_atomically(path.resolve(), text)
    except OSError as problem:
        raise errors.EnvironmentFailure(f"{path} cannot be written: {problem.strerror}") from None


class Gate:
    """Mutable, for one gate; `given` are the options that all its runs have in common, `warn` gets every result without a run."""

    def __init__(
        self,
        named: Iterable[str | errors.UsageError],
        given: dict[str, Any],
        results: ResultFiles,
        *,
        as_json: bool,
        warn: Callable[[ExperimentResult], None],
    ) -> None:
        self._given = given
        self._results = results
        self._as_json = as_json
        self._warn = warn
        self.signal: signal.Signals | None = None
        self._named = list(named)
        self.known = [result.not_run(str(one), "the gate ended before") for one in self._named]

    def play(self) -> Sequence[ExperimentResult]:
        """Run what can be run, and write the results whatever happens. Raises EnvironmentFailure where they cannot be."""
        heard = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            heard.append(signal.SIGHUP)
        for number in heard:
            signal.signal(number, self._hear)
        try:
            self._results.write(self.known)
            self.known = [self._check(one) for one in self._named]
            self._results.write(self.known)
            asyncio.run(run_many(self.known, self))
        finally:
            run_processes.ignore_signals(*heard)  # what comes now changes neither files nor exit code
            if problem := sys.exception():
                self._mark_crashed(problem)
            self._results.write(self.known)
        return self.known

    async def ready(self, at: int) -> str:
        """At once, unless a signal came between two runs."""
        return f"{self.signal.name} came before it" if self.signal else ""

    async def run(self, at: int, interruption: Interruption) -> RunRecord:
        """Like `chaos-run FILE`, without a person who could answer."""
        asked = Options(path=self.known[at].file, interactive=False, **self._given)
        return await run_one(asked, as_json=self._as_json, plain=True, wrap=interruption.watch)

    def keep(self, at: int, found: ExperimentResult) -> None:
        """Into both files."""
        if found.failed_to_start:
            self._warn(found)
        self._results.write(self.known)

    def ends(self, at: int, found: ExperimentResult) -> str:
        """A gate has no reasons of its own."""
        return ""

    def _check(self, named: str | errors.UsageError) -> ExperimentResult:
        """A file before any is run: not run yet, or the reason why it never can be."""
        found = self._load(named)
        if found.failed_to_start:
            self._warn(found)
        return found

    def _load(self, named: str | errors.UsageError) -> ExperimentResult:
        if isinstance(named, errors.UsageError):
            return result.of_error(named.message, named)
        try:
            experiment = load.load(
                named,
                variables=self._given["variables"],
                secret_variables=self._given["secret_variables"],
                settings=self._given.get("settings"),
            )
        except errors.ChaosRunError as problem:
            return result.of_error(named, problem)
        return result.not_run(named, "the gate ended before", title=experiment.title)

    def _mark_crashed(self, problem: BaseException) -> None:
        """Each that has no end yet, after an error that nobody expected."""
        for at, one in enumerate(self.known):
            if one.kind == result.UNFINISHED:
                said = f"chaos-run itself crashed: {type(problem).__name__}: {problem}"
                self.known[at] = replace(one, kind=result.CRASHED, sentence=said, code=errors.ExitCode.ENVIRONMENT)
            elif one.kind == result.NOT_RUN:
                said = f"not run: chaos-run itself crashed before: {type(problem).__name__}: {problem}"
                self.known[at] = replace(one, sentence=said)

    def _hear(self, number: int, _: object) -> None:
        self.signal = self.signal or signal.Signals(number)
