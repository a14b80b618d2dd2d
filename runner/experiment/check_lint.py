"""Check lint: the ready checks that are probes of an experiment: values that do not fit, and tolerances that their answer never meets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.checks import probes
from runner.experiment import document
from runner.experiment.activities import describe_activity
from runner.experiment.notes import Notes
from runner.experiment.source import Steps


def check(notes: Notes) -> None:
    """Every probe of hypothesis, method and rollbacks that is one."""
    for steps, activity in document.walk(notes.source.tree):
        provider = activity.get("provider")
        if isinstance(provider, Mapping) and (found := probes.of(provider)) is not None:
            _arguments(notes, found.name, provider.get("arguments") or {}, (*steps, "provider"))
            if steps[0] == document.HYPOTHESIS and "tolerance" in activity:
                _tolerance(notes, activity["tolerance"], steps, describe_activity(activity))


def _arguments(notes: Notes, name: str, arguments: Any, steps: Steps) -> None:
    """What a signature does not tell: numbers that are none, and limits in the wrong unit."""
    from runner.checks import check, table

    if not isinstance(arguments, Mapping) or any("${" in str(value) for value in arguments.values()):
        return
    try:
        table.asked(name, arguments)
    except check.Unfit as problem:
        if problem.key in arguments and not problem.known:  # a name that it does not take is told by its signature
            said, _, hint = str(problem).partition("; ")
            notes.error("argument", (*steps, "arguments", str(problem.key)), said, hint=hint or None)


def _tolerance(notes: Notes, tolerance: Any, steps: Steps, who: str) -> None:
    kind = tolerance.get("type") if isinstance(tolerance, Mapping) else None
    if kind not in ("regex", "probe") and "${" not in str(tolerance):
        said = f"{who} answers with a sentence that begins with good or bad: no such tolerance is ever met"
        hint = f'write tolerance: {{type: regex, pattern: "{probes.TOLERANCE["pattern"]}"}}'
        notes.warning("never-equal", (*steps, "tolerance"), said, hint=hint)
