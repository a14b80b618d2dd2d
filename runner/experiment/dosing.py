"""Dosing: whether the file's variables that say how strong a fault is stay within what the file allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.experiment import findings
from runner.experiment.block import BlockReading
from runner.experiment.model import Dose
from runner.experiment.notes import Notes, described


def check(notes: Notes, reading: BlockReading, configuration: Mapping[str, Any]) -> None:
    """An error at each dose that names no variable, and at each whose variable is more than its max."""
    for index, dose in enumerate(reading.block.dose if reading.block else ()):
        at = (*reading.steps, "dose", index, "variable")
        if dose.variable not in configuration:
            hint = findings.nearest(dose.variable, [*configuration], what="there are")
            notes.error("dose", at, f"the dose {dose.variable!r} is not in the configuration of this file", hint=hint)
            continue
        value = amount(dose, configuration)
        if value is None:
            said = f"the dose {dose.variable!r} has to be a number, not {described(configuration[dose.variable])}"
            notes.error("dose", at, said, hint=f"its unit ({dose.unit}) stands in the block: give the number alone")
        elif not dose.allows(value):
            said = f"the dose {dose.variable!r} is {value:g} {dose.unit}, this file allows {dose.bound}"
            notes.error("dose", at, said, hint=f"begin at {dose.start:g}: --var {dose.variable}={dose.start:g}")


def amount(dose: Dose, configuration: Mapping[str, Any]) -> float | None:
    """The dose as it is set, in its unit; None where it is no number."""
    try:
        return float(configuration[dose.variable])
    except (TypeError, ValueError):
        return None


def sentence(dose: Dose, configuration: Mapping[str, Any]) -> str:
    """`latency_ms 100 ms (safe start 100, at most 500)`."""
    value = amount(dose, configuration)
    set_to = "?" if value is None else f"{value:g}"
    return f"{dose.variable} {set_to} {dose.unit} (safe start {dose.start:g}, {dose.bound})"
