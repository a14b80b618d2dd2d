"""Narrator: the events of a run in their order as a person wants them told: what has not changed is not said again."""

from __future__ import annotations

from runner.report import words
from runner.timeline.event import Event, Name

BACK_S = 0.15
"""An event that is dated back further than this says so: its line stands where it became known."""


class Narrator:
    """Mutable, one a run; hand it every event, it answers with (t, tone, sentence) or None."""

    def __init__(self) -> None:
        self._holds: bool | None = None
        self._t = 0.0

    def tell(self, event: Event, now: float = 0.0) -> tuple[float, str, str] | None:
        """Times never run backwards: what happened before `now` or the last event is told now, with its own time in the sentence."""
        self._t = max(self._t, now) if event.event is not Name.NOTICE else event.t  # before the run, time is negative
        if event.event is Name.HYPOTHESIS and not self._changed(bool(event.fields.get("met"))):
            return None
        told = words.describe_event(event)
        if told is None:
            return None
        tone, said = told
        error_s = float(event.fields.get("error_s") or 0.0)
        if event.event is Name.INJECTED and error_s > BACK_S:  # dated to the middle of a call that took its time
            said += f" (between +{event.t - error_s:.1f}s and +{event.t + error_s:.1f}s)"
        elif event.t < self._t - BACK_S:
            said += f" (since +{event.t:.1f}s)"
        self._t = max(self._t, event.t)
        return self._t, tone, said

    def _changed(self, met: bool) -> bool:
        before, self._holds = self._holds, met
        return met is not before
