"""Waiting: between two activities of the method, in the place of a pause, until a probe is within its tolerance or the time is over."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

from chaoslib import substitute
from chaoslib.activity import run_activity
from chaoslib.exceptions import ActivityFailed

from runner.chaostoolkit import providers
from runner.chaostoolkit.values import Values
from runner.experiment import judged
from runner.process.channel import ChildChannel
from runner.process.messages import WaitEnded, WaitStarted, WorkerMessage
from runner.rundir.start_message import StartMessage, WaitFor

LOOK_S = 0.2
"""A look has at least so long, also the last one."""


class Waits:
    """What the file waits for, by the activity that it comes after. In the main thread only: an alarm ends each look."""

    def __init__(self, start: StartMessage, known: Values, voice: ChildChannel[WorkerMessage]) -> None:
        self._waits = start.waits
        self._known = known
        self._voice = voice
        hypothesis = (start.document.get("steady-state-hypothesis") or {}).get("probes") or ()
        activities = [*(start.document.get("method") or ()), *hypothesis]
        self._probes = {str(a.get("name")): a for a in activities if a.get("type") == "probe"}

    def play(self, activity: Mapping[str, Any]) -> bool:
        """All waits after this activity, one after the other. False where one was not met in time: nothing more may be begun."""
        return all(self._met(wait) for wait in _after(self._waits, activity))

    def _met(self, wait: WaitFor) -> bool:
        began = time.monotonic()
        met, compared = False, judged.Comparison("nothing", "")
        self._voice.say(WaitStarted(after=wait.after, probe=wait.probe, within_s=wait.within_s))
        try:
            while not met and (left := wait.within_s - (time.monotonic() - began)) > 0:
                met, compared = self._look(self._probes[wait.probe], max(left, LOOK_S))
                if not met:
                    time.sleep(max(0.0, min(wait.every_s, wait.within_s - (time.monotonic() - began))))
        finally:  # whatever ends it: the method must not go on as if it had been met
            waited = time.monotonic() - began
            self._voice.say(
                WaitEnded(
                    after=wait.after,
                    probe=wait.probe,
                    met=met,
                    within_s=wait.within_s,
                    waited_s=round(waited, 3),
                    seen=compared.seen,
                    expected=compared.expected,
                )
            )
        return met

    def _look(self, probe: Mapping[str, Any], within_s: float) -> tuple[bool, judged.Comparison]:
        values = self._known.configuration, self._known.secrets
        tolerance = probe["tolerance"]
        if isinstance(tolerance, str):
            tolerance = substitute(tolerance, *values)
        try:
            signal.setitimer(signal.ITIMER_REAL, within_s)
            output = run_activity(probe, *values)
            signal.setitimer(signal.ITIMER_REAL, 0)
            met = providers.within_tolerance(tolerance, output, *values)
        except ActivityFailed as problem:
            signal.setitimer(signal.ITIMER_REAL, 0)
            return False, judged.Comparison(f"the probe failed: {problem}", "an answer")
        return met, judged.judged(probe["tolerance"], output, self._known.configuration)


def without_pauses(document: Mapping[str, Any], waits: tuple[WaitFor, ...]) -> dict[str, Any]:
    """The document without the pauses in whose place it is waited: plain Chaos Toolkit makes those."""
    if not waits:
        return dict(document)
    named = {wait.after for wait in waits}
    method = [_unpaused(a) if a.get("name") in named else a for a in document.get("method") or ()]
    return {**document, "method": method}


def _unpaused(activity: Mapping[str, Any]) -> dict[str, Any]:
    pauses = {k: v for k, v in (activity.get("pauses") or {}).items() if k != "after"}
    return {**activity, "pauses": pauses}


def _after(waits: tuple[WaitFor, ...], activity: Mapping[str, Any]) -> Iterator[WaitFor]:
    yield from (wait for wait in waits if wait.after == activity.get("name"))
