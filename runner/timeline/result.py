"""What became of one experiment among several: its record, or why there is none. No error of one is in the way of the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runner import errors
from runner.timeline.record import RunRecord

NOT_RUN = "not-run"
UNFINISHED = "unfinished"
CRASHED = "crashed"
KINDS = {
    errors.ExitCode.USAGE: "invalid",
    errors.ExitCode.REFUSED: "refused",
    errors.ExitCode.ENVIRONMENT: "environment",
    errors.ExitCode.INTERRUPTED: "interrupted",
}
TITLES = {NOT_RUN: "NOT RUN", UNFINISHED: "NOT FINISHED", CRASHED: "CRASHED", "invalid": "INVALID"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentResult:
    """One experiment; without a `record` there was no run to its end, and `kind` and `sentence` say why."""

    file: str
    code: errors.ExitCode
    record: RunRecord | None = None
    title: str = ""
    """The experiment's, where it could be read."""
    kind: str = ""
    sentence: str = ""
    reasons: tuple[str, ...] = ()
    """Of a refusal."""
    details: str = ""
    """Whatever more there is to read, in lines: findings with their places, the reasons of a refusal, a hint."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.title or self.file

    @property
    def verdict(self) -> str:
        """The record's, or in the same style why there is none."""
        return self.record.verdict if self.record else TITLES.get(self.kind, self.kind.upper())

    @property
    def failed_to_start(self) -> bool:
        """Whether it ended in an error before anything was injected."""
        return self.kind in KINDS.values()


def not_run(file: str, why: str, *, title: str = "") -> ExperimentResult:
    """One whose turn has not come."""
    return ExperimentResult(
        file=file, title=title, code=errors.ExitCode.INTERRUPTED, kind=NOT_RUN, sentence=f"not run: {why}"
    )


def of_record(file: str, record: RunRecord) -> ExperimentResult:
    """A run that came to its end."""
    return ExperimentResult(file=file, title=record.title, record=record, code=errors.ExitCode(record.exit_code))


def of_error(file: str, problem: errors.ChaosRunError, *, title: str = "") -> ExperimentResult:
    """An experiment that could not start, or was stopped before anything was injected."""
    reasons = tuple(getattr(problem, "reasons", ()))
    lines = [getattr(problem, "rendered", ""), *(f"- {reason}" for reason in reasons)]
    lines += [f"hint: {problem.hint}"] if problem.hint else []
    return ExperimentResult(
        file=file,
        title=title,
        code=problem.exit_code,
        kind=KINDS[problem.exit_code],
        sentence=problem.message,
        reasons=reasons,
        details="\n".join(filter(None, lines)),
    )


def worst(results: Iterable[ExperimentResult]) -> errors.ExitCode:
    """The exit code of all of them together."""
    return errors.worst(result.code for result in results)
