"""Scene: what a watcher has learnt from the events so far; the live view draws it, the ending reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.report import words
from runner.timeline.event import Event, Name
from runner.timeline.vocabulary import Phase

if TYPE_CHECKING:
    from runner.timeline.status import Status, UndoStatus

_NOTED = (
    Name.DIFFERS,
    Name.WAIT,
    Name.INJECTED,
    Name.EFFECTIVE,
    Name.DETECTED,
    Name.BREACH,
    Name.ABORT,
    Name.UNDONE,
    Name.RECOVERED,
)
"""Events that stay on the screen: the moments of the run."""


@dataclass(slots=True)
class Scene:
    """Mutable, one a run; `hear` takes an event in."""

    run: str = ""
    title: str = ""
    experiment: str = ""
    context: str = ""
    environment: str = ""
    phase: str = "prepare"
    phases: dict[str, tuple[float, float | None]] = field(default_factory=dict)
    """Phase to (began at, ended at or None), in seconds of the run."""
    moments: list[tuple[float, float, str, str]] = field(default_factory=list)
    """(earliest t, t, tone, sentence), in order."""
    targets: tuple[str, ...] = ()
    undo: dict[int, UndoStatus] = field(default_factory=dict)
    way_back: str = ""
    cleared: tuple[str, ...] = ()
    """What was looked at after the undo and found clean."""
    findings: list[tuple[str, str]] = field(default_factory=list)
    """(severity, message), as they were told."""
    looked: str = ""
    """When the hypothesis was looked at last: before, during, after or recovered."""
    interrupted: str = ""
    verdict: Mapping[str, Any] | None = None
    status: Status | None = None

    @property
    def unended(self) -> str:
        """What to say of a run without a verdict."""
        if "inject" not in self.phases:
            return "the run ended before anything was injected"
        return f"the run ended without a verdict; see: chaos-run show {self.run}"

    @property
    def way_out(self) -> str:
        """How to stop the run; empty once there is nothing to stop any more."""
        if not self.run or self.verdict is not None or self.interrupted:
            return ""
        if self.phase in ("recover", "judge"):
            return "the undo is done; Ctrl-C skips the wait for the recovery" if self.phase == Phase.RECOVER else ""
        return "to stop it and undo: Ctrl-C here, or chaos-run stop in any terminal"

    def hear(self, event: Event) -> None:
        """Take in one event."""
        fields = event.fields
        self.run = event.run
        if event.event is Name.NOTICE and fields.get("state") == "given":
            self._begin(fields)
            self._enter("notice", event.t)
        elif event.event is Name.RUN_STARTED:
            self._begin(fields)
            if self.phase == "notice":
                self._enter("prepare", 0.0)
        elif event.event is Name.PHASE:
            self._enter(str(fields.get("phase")), event.t)
        elif event.event is Name.HYPOTHESIS:
            self.looked = str(fields.get("when"))
        elif event.event is Name.UNDO_STEP:
            step, state = int(fields.get("step", len(self.undo) + 1)), str(fields.get("state"))
            from runner.timeline.status import UndoStatus  # by now it is there

            self.undo[step] = UndoStatus(step=step, what=words.clean(fields.get("what")), state=state)
        elif event.event is Name.UNDONE:
            self._undone(fields)
        elif event.event is Name.FINDING:
            self.findings.append((str(fields.get("severity")), words.clean(fields.get("message", ""))))
        elif event.event is Name.VERDICT:
            self.verdict = fields
            self._enter("done", event.t)
        self._note(event)

    def _begin(self, fields: Mapping[str, Any]) -> None:
        self.title, self.experiment = words.clean(fields.get("title", "")), words.clean(fields.get("experiment", ""))
        self.context = words.clean(fields.get("context") or "")
        self.environment = words.clean(fields.get("environment") or "")
        self.targets = tuple(words.clean(t) for t in fields.get("targets") or ())

    def _undone(self, fields: Mapping[str, Any]) -> None:
        self.cleared = tuple(words.clean(c) for c in fields.get("cleared") or ())
        self.way_back = words.clean(fields.get("sentence") or "")
        if self.interrupted and fields.get("clean"):
            self.interrupted = "the undo is done; waiting for the recovery (Ctrl-C skips the wait)"

    def _enter(self, phase: str, t: float) -> None:
        if self.phase in self.phases:
            began, _ = self.phases[self.phase]
            self.phases[self.phase] = (began, t)
        self.phase = phase
        self.phases[phase] = (t, None)

    def _note(self, event: Event) -> None:
        told = words.describe_event(event)
        finding = event.event is Name.FINDING and event.fields.get("severity") != "info"
        failed = told is not None and told[0] == "bad" and event.event is not Name.VERDICT
        if told and (event.event in _NOTED or finding or failed):
            # An injection is dated to the middle of its call; what users feel within the call stands after it.
            early = float(event.fields.get("error_s") or 0.0) if event.event is Name.INJECTED else 0.0
            self.moments.append((event.t - early, event.t, *told))
            self.moments.sort(key=lambda moment: moment[0])  # some are known only when they are over
