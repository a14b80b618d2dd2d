"""Verdict: one word and one sentence over a whole GameDay; the worst of its steps and of its targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gameday.record import GameDay, State, StepResult
from gameday.scenario import Goals
from runner.errors import ExitCode


def judge(day: GameDay, goals: Goals, reason: str, *, by_person: bool = False) -> GameDay:
    """The day with its verdict. `reason` says why it ended before its last step, empty when it did not.

    `by_person`: somebody stopped it between two steps: an abort, or before the first an interruption.
    """
    opinions = [opinion for step in day.steps for opinion in _of_step(step, goals)]
    missing = [name for name in day.planned if name not in {s.name for s in day.steps}]
    if day.state is State.INTERRUPTED:
        opinions.append((ExitCode.INTERRUPTED, reason))
    if by_person:
        opinions.append((ExitCode.ABORTED if day.steps else ExitCode.INTERRUPTED, reason))
    if missing and by_person and not day.steps:
        opinions.append((ExitCode.INTERRUPTED, "nothing was injected"))
    elif missing:
        opinions.append((ExitCode.INCONCLUSIVE, f"never begun: {', '.join(missing)}"))
    worst = max((code for code, _ in opinions), key=lambda code: code.severity, default=ExitCode.PASS)
    told = [f"{step.name}: {step.verdict}" for step in day.steps if reason and step.name in reason]
    troubles = [sentence for code, sentence in opinions if code is not ExitCode.PASS and sentence not in told]
    calm = sum(step.unaffected for step in day.steps)
    good = f"{_plural(len(day.steps), 'step')} passed and met every required target" + (
        f"; users were unaffected in {calm} of them" if calm else ""
    )
    sentence = "; ".join(dict.fromkeys([*([reason] if reason else []), *troubles])) or good
    return replace(day, verdict=worst.name, exit_code=int(worst), sentence=sentence)


def _of_step(step: StepResult, goals: Goals) -> Iterator[tuple[ExitCode, str]]:
    code = ExitCode(step.exit_code)
    yield code, f"{step.name}: {step.verdict}"
    for what, goal, outcome in (
        ("detection", goals.detection, step.detection),
        ("recovery", goals.recovery, step.recovery),
    ):
        if goal == "wanted":
            continue
        if outcome == "missed":
            yield ExitCode.FAIL, f"{step.name}: missed its target for {what}"
        elif outcome in ("censored", "not measured"):  # no data is never good
            yield ExitCode.INCONCLUSIVE, f"{step.name}: {what} is {outcome}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
