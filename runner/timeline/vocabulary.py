"""Vocabulary: the closed sets of words in a run's record, its events and its undo ledger, as they stand on disk and in JSON."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """What a run is at."""

    PREPARE = "prepare"
    """Processes start, targets are resolved, the plan is drawn: nothing is changed, and it is no window of the record."""
    BASELINE = "baseline"
    """Nothing is broken yet: what users get now is what the rest is compared with."""
    INJECT = "inject"
    """The method runs."""
    UNDO = "undo"
    """Everything is put back."""
    RECOVER = "recover"
    """Everything is put back, and the objectives have to hold again."""
    JUDGE = "judge"
    """Nothing is measured any more."""
    PAUSE = "pause"
    """A stretch after the impact in which the objectives held and were then missed again; only as a window of the record."""


class MarkName(StrEnum):
    """Moments of a run that are kept, on both clocks."""

    INJECTED = "injected"
    """An action that breaks something has succeeded: the middle of its call."""
    EFFECTIVE = "effective"
    """The impact: an indicator of users left its baseline. TTD and TTR are reckoned from here."""
    PENDING = "pending"
    """A rule of the team's alerts saw it, and waits out its `for:`."""
    FIRING = "firing"
    """An alert fires."""
    RECEIVED = "received"
    """The router of alerts has it."""
    NOTIFIED = "notified"
    """Somebody was notified."""
    ACKNOWLEDGED = "acknowledged"
    """A person took it."""
    MITIGATED = "mitigated"
    """A person said that users are well again."""
    RESOLVED = "resolved"
    """The alert is over."""
    DETECTED = "detected"
    """Somebody or something noticed: a person, an alert, the built-in burn rate."""
    ABORTED = "aborted"
    """The run was stopped before its end."""
    UNDO_STARTED = "undo_started"
    """The first undo step begins."""
    UNDONE = "undone"
    """The last undo step that concerns the target has ended."""
    RECOVERED = "recovered"
    """From here on all objectives held, or the hypothesis did."""
    UNWATCHED = "unwatched"
    """Users are known to have been hurt until here; too little was measured later to say since when they were well."""


class StopReason(StrEnum):
    """Who ended a run early."""

    GUARD = "guard"
    """A guard of the file or the policy: users were hurt too much. The run is ABORTED."""
    PERSON = "person"
    """Ctrl-C, `chaos-run stop`, a closed terminal."""
    RUNNER = "runner"
    """Something of ours or around us failed, so that the run could not be judged or put back: ENVIRONMENT."""
    CONTROL = "control"
    """A Chaos Toolkit control, or code of the experiment that asked for the exit."""


class Proof(StrEnum):
    """How far it is known that an action took effect."""

    PROVEN = "proven"
    """What it changed was seen to have changed."""
    ASSUMED = "assumed"
    """It named what it hit, or users felt it, and nothing contradicts it."""
    SILENT = "silent"
    """It reported nothing, beside an action that took effect: it may be a pause, and decides nothing."""
    VACUOUS = "vacuous"
    """It hit nothing, failed, or was never begun."""


class UndoState(StrEnum):
    """What became of an undo step; `CLOSING` are those after which nothing is left to be done."""

    WAITING = "waiting"
    """It is its turn later; on the screen only."""
    STARTED = "started"
    """It is being played."""
    UNDONE = "undone"
    """It was played, and has changed something."""
    ALREADY = "already"
    """There was nothing to put back, or not any more."""
    FAILED = "failed"
    """It could not be put back; the record stays open."""
    LEFT = "left"
    """It stays as it is, for the file says so."""
    BY_HAND = "by hand"
    """A person put it back, and said so."""


CLOSING = frozenset({UndoState.UNDONE, UndoState.ALREADY, UndoState.LEFT, UndoState.BY_HAND})
