"""Plain: a run as one line an event, for logs, pipes and terminals without colour."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from runner.report import incident_times, words
from runner.report.narrator import Narrator
from runner.report.scene import Scene
from runner.timeline.event import Event, Name

if TYPE_CHECKING:
    from runner.timeline.status import IndicatorStatus, Status

EVERY_S = 5.0
"""A line of progress this often while nothing else is said."""
NOTICE_EVERY_S = 60.0
_PREFIX = {"good": "ok  ", "bad": "!!  ", "warn": "!   ", "plain": "    "}


class PlainView:
    """Writes lines; never moves the cursor."""

    def __init__(self, scene: Scene, out: TextIO | None = None) -> None:
        self.scene = scene
        self.out = out or sys.stdout
        self._last_t = 0.0
        self._narrator = Narrator()

    def begin(self) -> None:
        """Some seconds go by before the first event."""
        self.say(0.0, "preparing: processes start, targets are resolved, the plan is drawn")

    def say(self, t: float, text: str, tone: str = "plain") -> None:
        """One line with the seconds since the run began."""
        self._last_t = max(self._last_t, t)
        print(f"{f'{self._last_t:+.1f}s':>8}  {_PREFIX[tone]}{words.clean(text)}", file=self.out, flush=True)

    def event(self, event: Event) -> None:
        """One event, where a person should read it."""
        if event.event is Name.NOTICE:
            self._last_t = event.t
        if told := self._narrator.tell(event, self._last_t):
            t, tone, said = told
            self.say(t, said, tone)
        if event.event is Name.RUN_STARTED:
            self.say(event.t, self.scene.way_out)

    def tick(self, status: Status) -> None:
        """How things stand, every five seconds; in the time of a notice every minute."""
        if status.t - self._last_t >= (EVERY_S if status.phase != "notice" else NOTICE_EVERY_S):
            self.say(status.t, progress(status))

    def end(self) -> None:
        """What comes after the verdict: objectives, TTD and TTR, where the report is."""
        fields = self.scene.verdict
        if fields is None:
            self.say(self._last_t, self.scene.unended, "warn")
            return
        for objective in fields.get("objectives") or ():
            verdict = str(objective.get("verdict"))
            said = f"{objective.get('name')} {words.title(verdict)}: {words.clean(objective.get('sentence', ''))}"
            self.say(self._last_t, said, words.tone(verdict))
        for met in fields.get("traffic") or ():
            self.say(self._last_t, f"traffic {met['name']}: {met['sentence']}")
        for key in ("ttd", "ttr") if "inject" in self.scene.phases else ():
            why = f", {told}" if (told := fields.get(f"{key}_why")) else ""
            self.say(self._last_t, f"{key.upper()} {incident_times.elapsed_told(fields, key)}{why}")
        if fields.get("report"):
            self.say(self._last_t, f"report {fields['report']}")


def progress(status: Status) -> str:
    """A status in one line."""
    known = status.planned_s is not None and status.elapsed_s <= status.planned_s  # a fault's pauses are only its least
    planned = f" of {words.seconds(round(status.planned_s or 0))}" if known else ""
    parts = [f"{words.phase_title(status.phase)} {words.seconds(round(status.elapsed_s))}{planned}"]
    parts += [_indicator(i) for i in status.indicators]
    parts += [f"budget {b.objective} {words.ratio(b.spent)} spent" for b in status.budgets if b.spent > 0]
    return " · ".join(parts)


def _indicator(indicator: IndicatorStatus) -> str:
    if indicator.error_ratio is None:
        return f"{indicator.name} no data yet"
    bad, p95 = words.ratio(indicator.error_ratio), words.seconds(indicator.p95_s)
    now = f"now {bad} bad" + (f", p95 {p95}" if p95 != "–" else "")
    return f"{indicator.name} {words.count(indicator.requests)} {indicator.what}, {now}"
