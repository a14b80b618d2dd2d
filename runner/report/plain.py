"""Plain: a run as one line an event, for logs, pipes and terminals without colour."""

from __future__ import annotations

import sys
from typing import TextIO

from runner.report import words
from runner.report.scene import Scene
from runner.report.status import IndicatorStatus, Status

EVERY_S = 5.0
"""A line of progress this often while nothing else is said."""
_PREFIX = {"good": "ok  ", "bad": "!!  ", "warn": "!   ", "plain": "    "}


class Plain:
    """Writes lines; never moves the cursor."""

    def __init__(self, scene: Scene, out: TextIO | None = None) -> None:
        self.scene = scene
        self.out = out or sys.stdout
        self._last_t = 0.0

    def say(self, t: float, text: str, tone: str = "plain") -> None:
        """One line with the seconds since the run began."""
        print(f"{f'+{t:.1f}s':>8}  {_PREFIX[tone]}{text}", file=self.out, flush=True)
        self._last_t = max(self._last_t, t)

    def event(self, t: float, told: tuple[str, str] | None) -> None:
        """One event, where a person should read it."""
        if told:
            self.say(t, told[1], told[0])

    def tick(self, status: Status) -> None:
        """How things stand, every five seconds."""
        if status.t - self._last_t >= EVERY_S:
            self.say(status.t, progress(status))

    def end(self) -> None:
        """What comes after the verdict: objectives, TTD and TTR, where the report is."""
        fields = self.scene.verdict
        if fields is None:
            self.say(self._last_t, "the run ended without a verdict", "warn")
            return
        for objective in fields.get("objectives") or ():
            self.say(self._last_t, f"{objective.get('name')}: {words.clean(objective.get('sentence', ''))}")
        for name, key in (("TTD", "ttd"), ("TTR", "ttr")):
            value, censored = fields.get(f"{key}_s"), bool(fields.get(f"{key}_censored"))
            self.say(self._last_t, f"{name} {words.elapsed(key, value, censored)}")
        if fields.get("report"):
            self.say(self._last_t, f"report {fields['report']}")


def progress(status: Status) -> str:
    """A status in one line."""
    planned = f" of {words.seconds(round(status.planned_s))}" if status.planned_s else ""
    parts = [f"{words.phase_title(status.phase)} {words.seconds(round(status.elapsed_s))}{planned}"]
    parts += [_indicator(i) for i in status.indicators]
    parts += [f"budget {b.objective} {words.ratio(b.spent)} spent" for b in status.budgets if b.spent > 0]
    return " · ".join(parts)


def _indicator(indicator: IndicatorStatus) -> str:
    if indicator.error_ratio is None:
        return f"{indicator.name} no data yet"
    bad, p95 = words.ratio(indicator.error_ratio), words.seconds(indicator.p95_s)
    return f"{indicator.name} {words.count(indicator.requests)} requests, {bad} bad, p95 {p95}"
