"""Briefing: a scenario as people read it before the day: roles, notice, steps with their offsets and targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gameday.scenario import Scenario, Step
from runner import units


def text(script: Scenario, seats: Mapping[str, tuple[str, ...]], *, fast: bool) -> str:
    """The whole briefing, plain lines."""
    return "\n".join(_lines(script, seats, fast=fast))


def _lines(script: Scenario, seats: Mapping[str, tuple[str, ...]], *, fast: bool) -> Iterator[str]:
    yield f"GameDay: {script.title}{' (fast: a rehearsal)' if fast else ''}"
    yield f"service: {script.service}"
    if script.description:
        yield script.description.strip()
    yield "roles:"
    for name, role in script.roles.items():
        who = ", ".join(seats.get(name, ())) or "nobody yet"
        stop = "; may stop" if role.may_stop else ""
        yield f"  {name}: {who}{f' ({role.duty}{stop})' if role.duty or stop else ''}"
    if script.notice:
        yield f"notice to send: {script.announcement.strip()}"
    yield f"anyone may stop the day: say {' or '.join(repr(w) for w in script.stop_words)}, or run `chaos-run stop`"
    yield "steps:"
    for step in script.steps:
        yield f"  {_step(step, step.at * script.fast.factor if fast else step.at)}"
    yield f"goals: detection is {script.goals.detection}, recovery is {script.goals.recovery}"


def overlaps(script: Scenario, least_s: Sequence[float], most_s: Sequence[float], *, fast: bool) -> Iterator[str]:
    """Offsets that cannot be kept, or perhaps not: the steps before take too long. `least_s` and `most_s` are seconds a step."""
    factor = script.fast.factor if fast else 1.0
    earliest = latest = 0.0
    before = ""
    for step, least, most in zip(script.steps, least_s, most_s, strict=True):
        due = step.at * factor
        said = f"{step.name} is due at +{units.format_duration(due)}, and {before} ends"
        if earliest > due:
            yield f"{said} at +{units.format_duration(earliest)} at the earliest: it begins as soon as that is over"
        elif latest > due:
            yield f"{said} at +{units.format_duration(latest)} at the latest: it may begin late"
        earliest, latest, before = max(earliest, due) + least, max(latest, due) + most, step.name


def _step(step: Step, offset_s: float) -> str:
    targets = [
        f"{what} within {units.format_duration(value)}"
        for what, value in (("detected", step.detect_within), ("recovered", step.recover_within))
        if value is not None
    ]
    return f"+{units.format_duration(offset_s)}  {step.name}: {step.experiment}; {', '.join(targets) or 'no targets'}"
