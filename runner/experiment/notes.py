"""Notes: the findings of one file, collected in one pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runner.experiment.findings import FileFinding
from runner.experiment.source import ExperimentText, Steps


class Notes:
    """Mutable; every check writes into it and none stops at its first finding."""

    def __init__(self, source: ExperimentText, *, here: bool = False) -> None:
        self.source = source
        self.here = here
        """Whether the experiment is to run on this machine now: what it lacks is then an error, not a warning."""
        self.found: list[FileFinding] = []

    def error(self, rule: str, steps: Steps, message: str, *, hint: str | None = None, key: bool = False) -> None:
        """Something that cannot run."""
        self.found.append(self.source.finding("error", rule, steps, message, hint=hint, key=key))

    def warning(self, rule: str, steps: Steps, message: str, *, hint: str | None = None, key: bool = False) -> None:
        """Something that runs but probably not as it was meant."""
        self.found.append(self.source.finding("warning", rule, steps, message, hint=hint, key=key))

    def lacking(self, rule: str, steps: Steps, message: str, *, hint: str | None = None) -> None:
        """Something this machine does not have: an error for a run here, a warning for a file that is only checked."""
        found = self.source.finding("error" if self.here else "warning", rule, steps, message, hint=hint)
        self.found.append(replace(found, lacking=True))

    def is_kind(self, value: Any, kind: type, steps: Steps, what: str) -> bool:
        """Whether a value is a list or mapping as it has to be; notes it otherwise."""
        if isinstance(value, kind):
            return True
        wanted = "a list" if kind is list else "a mapping" if kind is dict else "text"
        self.error("type", steps, f"{what} has to be {wanted}, not {described(value)}", key=value is None)
        return False

    @property
    def broken(self) -> bool:
        return any(f.severity == "error" for f in self.found)


def described(value: Any) -> str:
    """A value in a sentence: `empty`, `the number 3`, `the text 'x'`."""
    if value is None:
        return "empty"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return f"the number {value}" if isinstance(value, int | float) else f"the text {str(value)!r}"
