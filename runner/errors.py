"""Every error the user can meet, split by what they do next, and the one table of exit codes.

    ChaosRunError
      UsageError          2   say it differently: unknown run, bad option
        InvalidFile       2   mend the file: carries every finding with its place
      Refused             3   the safety policy says no: carries the reasons
      EnvironmentFailure  7   mend the surroundings: cluster unreachable, worker cannot start, disk full
      Interrupted       130   a person stopped us before anything was injected

Anything else that escapes is a bug of ours and keeps its traceback. Verdicts (PASS, FAIL, INCONCLUSIVE, an abort, a failed
undo) are results and not errors: they are values of `ExitCode` in the record, never raised. Which one a run gets is decided in
`runner/engine/conclude/verdict_and_exit_code.py`, and where its runner died in `runner/undo/crash_recovery.py`; an error's own stands in
its class, and `runner/cli/main.py` hands both to the shell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What `chaos-run` tells the shell; of several runs the `worst` one counts."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    REFUSED = 3
    INCONCLUSIVE = 4
    ABORTED = 5
    UNDO_FAILED = 6
    ENVIRONMENT = 7
    INTERRUPTED = 130

    @property
    def severity(self) -> int:
        """Rank from harmless to alarming."""
        return list(_MEANINGS).index(self)

    @property
    def means(self) -> str:
        """In a few words."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.PASS: "pass",
    ExitCode.INTERRUPTED: "interrupted before anything was injected",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.USAGE: "wrong usage, or an invalid file",
    ExitCode.REFUSED: "refused by the safety policy",
    ExitCode.ENVIRONMENT: "the environment failed",
    ExitCode.FAIL: "fail",
    ExitCode.ABORTED: "aborted",
    ExitCode.UNDO_FAILED: "undo failed, or something was left behind",
}
"""From harmless to alarming. What says nothing about the service (a run that did not happen or proved nothing) comes before what says
that users were hurt (fail), so badly that the run had to be ended (aborted); what is still broken outranks everything."""


def legend() -> str:
    """Every exit code with its meaning, in one line for `--help`."""
    return f"Exit codes: {'; '.join(f'{int(code)} {code.means}' for code in ExitCode)}."


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code of several runs together: the most alarming one, PASS of none."""
    return max(codes, key=lambda code: code.severity, default=ExitCode.PASS)


class ChaosRunError(Exception):
    """Already explained to the user: printed as one line with a hint, without a traceback."""

    exit_code = ExitCode.ENVIRONMENT

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ChaosRunError):
    """The command line cannot be carried out as it was given."""

    exit_code = ExitCode.USAGE


class InvalidFile(UsageError):
    """A file has errors; `rendered` holds each of them with its place and a caret."""

    def __init__(self, message: str, *, rendered: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rendered = rendered


class Refused(ChaosRunError):
    """The safety policy forbids this run; `reasons` says why, one sentence each."""

    exit_code = ExitCode.REFUSED

    def __init__(self, message: str, *, reasons: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reasons = tuple(reasons)


class EnvironmentFailure(ChaosRunError):
    """Something around us is broken: an unreachable cluster, a worker that cannot start, a full disk."""

    exit_code = ExitCode.ENVIRONMENT


class Interrupted(ChaosRunError):
    """A person stopped the run before anything was injected."""

    exit_code = ExitCode.INTERRUPTED
