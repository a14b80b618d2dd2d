"""Gated: what became of one file of a gate, the ones included that never had a run."""

from __future__ import annotations

from collections.abc import Sequence
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
class Gated:
    """One file; without a `record` there was no run to its end, and `kind` and `sentence` say why."""

    file: str
    code: errors.ExitCode
    record: RunRecord | None = None
    title: str = ""
    """The experiment's, where it could be read."""
    kind: str = ""
    sentence: str = ""
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


def of_record(file: str, record: RunRecord) -> Gated:
    """A run that came to its end."""
    return Gated(file=file, title=record.title, record=record, code=errors.ExitCode(record.exit_code))


def of_error(file: str, problem: errors.ChaosRunError, *, title: str = "") -> Gated:
    """An experiment that could not start, or was stopped before anything was injected."""
    lines = [getattr(problem, "rendered", ""), *(f"- {reason}" for reason in getattr(problem, "reasons", ()))]
    lines += [f"hint: {problem.hint}"] if problem.hint else []
    return Gated(
        file=file,
        title=title,
        code=problem.exit_code,
        kind=KINDS[problem.exit_code],
        sentence=problem.message,
        details="\n".join(filter(None, lines)),
    )


def worst(all_of_them: Sequence[Gated]) -> errors.ExitCode:
    """The gate's exit code."""
    return errors.worst(one.code for one in all_of_them)
