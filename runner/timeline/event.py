"""Event: one fact of a run, as it is streamed with `--json`, stored, and shown. A change of it is a breaking change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from runner import clock

DRILL_ALERT = "ChaosRunDrill"
"""An alert of our own, which says that a drill goes on (see runner/faults/alertmanager/drills.py): nobody notices a fault by it."""


class Name(StrEnum):
    """Every kind of event, with what its own fields are."""

    NOTICE = "notice"
    """`state` (given, called off). Given, with a negative `t`: `title`, `experiment`, `service`, `context`, `environment`, `targets`,
    `starts_at` (RFC 3339), `before_s`, `by` (who, on which machine), `stop` (how to stop it), `plan_hash`. Called off: `sentence`."""
    RUN_STARTED = "run_started"
    """`title`, `experiment` (path), `context`, `plan_hash`, `targets` (list of names), `service`, `by` (who runs it), `planned_s` (from
    here to the end of the method, as far as the file states it, in seconds), `labels`."""
    DIFFERS = "differs"
    """Of a rerun, one for each thing that is not as it was: `repeats` (the earlier run), `what`, `before`, `after`."""
    PHASE = "phase"
    """`phase` (baseline, inject, undo, recover, judge), `planned_s` (seconds it is meant to take, or null)."""
    BASELINE = "baseline"
    """`met` (bool), `objectives` (list of {name, verdict, sentence})."""
    ACTIVITY = "activity"
    """`activity` (its name), `kind` (action, probe), `state` (started, succeeded, failed), `output` (shortened), `error`."""
    WAIT = "wait"
    """`after` (an activity), `probe`, `within_s`, `state` (started, met, not met); of one that ended `waited_s` and `sentence`: what the
    last look saw, and what was expected."""
    HYPOTHESIS = "hypothesis"
    """`when` (before, during, after, recovered), `met` (bool), `probes` (list of {name, met, value, expected})."""
    INJECTED = "injected"
    """`fault` (activity name), `targets` (list), `error_s` (half the length of the call)."""
    EFFECTIVE = "effective"
    """`indicator` or `fault`, `how` (sentence: what changed), `error_s`."""
    DETECTED = "detected"
    """`source` (burn-rate, person, alertmanager, …), `by` (rule or person), `error_s`."""
    ALERT = "alert"
    """`stage` (pending, firing, received, notified, acknowledged, mitigated, resolved), `alert` (its name), `source`, `error_s`,
    `evidence` (the raw answer, a file of the run's folder)."""
    BREACH = "breach"
    """`rule`, `sentence` (with the numbers in it)."""
    ABORT = "abort"
    """`by` (guard, person, runner, control), `sentence`."""
    UNDO_STARTED = "undo_started"
    """`steps` (how many)."""
    UNDO_STEP = "undo_step"
    """`step` (its number, from 1), `what`, `state` (started, undone, already, failed), `error`, `seconds`."""
    UNDONE = "undone"
    """`clean` (bool), `residue` (list of sentences), `cleared` (what was looked at and found clean: sentences), `put_back` (proven,
    assumed, not checked, no undo, not played, left, nothing), `sentence` (the way back in words)."""
    RECOVERED = "recovered"
    """`stable_s`, `error_s`; `pauses` (list of {from_s, to_s} in seconds of the run: stretches before it that did not last); `missed`
    (whether an objective was missed at all; not there without objectives); `unmeasured_s` (it lies in a span as long as this, not all
    of which was measured, and this is its middle); not sent when the service did not recover in time."""
    FINDING = "finding"
    """`severity` (info, warning, error), `message`."""
    VERDICT = "verdict"
    """`verdict`, `exit_code`, `sentence`, `objectives`, `targets`, `ttd_s`, `ttd_censored` (then it is a lower bound), `ttd_error_s`,
    `ttd_why` (why it is a lower bound; empty where it is none), `ttr_s`, `ttr_censored`, `ttr_error_s`, `ttr_why`, `felt` (whether users
    felt the fault: both are reckoned from then, TTD from the injection otherwise), `findings` (list of sentences), `report`; `stages` (of
    the team's alerts, each in seconds of the run), `unwatched` (which sources of alerts could not be asked while it mattered)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One fact. `at` is the wall clock, `mono_ns` the monotonic clock, `t` seconds since the run began: negative while a notice runs."""

    event: Name
    at: datetime
    mono_ns: int
    t: float
    run: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The wire form: `event`, `at`, `t`, `run`, then its own fields."""
        return {
            "event": self.event.value,
            "at": clock.rfc3339(self.at),
            "t": round(self.t, 3),
            "run": self.run,
            **self.fields,
        }


def from_json(wire: Mapping[str, Any], started_mono_ns: int = 0) -> Event:
    """The event of a line; its moment on the monotonic clock is reckoned from the run's start. Raises KeyError or ValueError."""
    return Event(
        event=Name(wire["event"]),
        at=datetime.fromisoformat(wire["at"]),
        mono_ns=started_mono_ns + int(wire["t"] * 1e9),
        t=float(wire["t"]),
        run=str(wire["run"]),
        fields={key: value for key, value in wire.items() if key not in ("event", "at", "t", "run")},
    )
