"""AlertPolicy: which events of a run are worth telling others, how loud, and in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from runner import clock, units
from runner.notify import banner
from runner.timeline.event import Event, Name
from runner.timeline.record import RunRecord
from runner.timeline.vocabulary import StopReason
from runner.timeline.way_back import PutBack

Level = Literal["critical", "warning", "info"]
_LOUDNESS: dict[str, Level] = {
    "PASS": "info",
    "INTERRUPTED": "info",
    "INCONCLUSIVE": "info",
    "FAIL": "warning",
    "ABORTED": "warning",
    "ENVIRONMENT": "warning",
    "UNDO_FAILED": "critical",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What others are told."""

    level: Level
    title: str
    text: str
    event: str
    run: str
    at: str
    """RFC 3339."""
    drill: str = ""
    """That it is one, whose, and how it is stopped (see banner.py); after what is told, which may be more than a drill."""

    @property
    def whole(self) -> str:
        """What is told and what it belongs to, for people."""
        return f"{self.text} ({self.drill or f'run {self.run}'})"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `text` holds all of it, for chat systems that show nothing else."""
        said = f"[{self.level}] {self.title}: {self.whole}"
        return {"level": self.level, "title": self.title, "message": self.text, "text": said, "event": self.event,
                "run": self.run, "at": self.at, "drill": self.drill}  # fmt: skip


def survived(
    record: RunRecord,
    started: Event | None,
    *,
    died: bool,
    left: Sequence[str],
    heard: datetime,
    now: datetime,
    late: bool,
) -> Message:
    """What others are told when somebody undid after the run.

    `died`: its runner had died, and a survivor closed the record; else the run had told its own failed undo. `heard` is when the
    runner was last heard of; `late` says that no survivor of the run tells it but whoever came after.
    """
    ago, open_ = units.format_duration(max(0.0, (now - heard).total_seconds())), "; ".join(left)
    if died:
        whole = record.sentence if record.verdict == "ENVIRONMENT" else "the runner died; what it left was undone later"
        text = f"the runner died, and NOT everything was put back: {open_}" if left else whole
        text += (
            f". Sent late: the last sign of life of the runner was at {clock.rfc3339(heard)}, {ago} ago" if late else ""
        )
    else:
        text = (f"still NOT put back, {ago} after the run: {open_}") if left else f"put back now, {ago} after the run"
    return Message(
        level="critical" if left else "warning",
        title=record.title,
        text=text,
        event="runner_died" if died else "undone_later",
        run=record.run,
        at=clock.rfc3339(now),
        drill=banner.named(started) if started else "",
    )


class AlertPolicy:
    """Mutable, one a run: turns events into messages, and remembers whether users are still waiting."""

    def __init__(self, escalate_after_s: float | None = None) -> None:
        self._title = "chaos-run"
        self._drill = self._drill_over = ""
        self._after_s = escalate_after_s
        self._last: Event | None = None
        self._escalates_s: float | None = None  # seconds of the run; None while nobody waits

    def hear(self, event: Event) -> Message | None:
        """The message of an event, None for most."""
        self._last = event
        fields = event.fields
        match event.event:
            case Name.NOTICE:
                return self._notice(event)
            case Name.RUN_STARTED:
                self._drill, self._drill_over = banner.under_way(event), banner.named(event)
                self._title = str(fields.get("title") or "chaos-run")
                where = f"{fields.get('context')} ({fields.get('environment')})"
                targets = ", ".join(fields.get("targets") or ()) or "targets not known before the run"
                return self._say("info", f"starts on {where}: {targets}", event)
            case Name.ABORT:
                if self._after_s is not None:
                    self._escalates_s = event.t + self._after_s
                return self._say("warning", _stopped(fields), event)
            case Name.UNDONE if not fields.get("clean"):
                if fields.get("put_back") in (PutBack.NO_UNDO, PutBack.UNPLAYED):
                    return self._say("warning", str(fields.get("sentence")), event)
                left = "; ".join(fields.get("residue") or ()) or "an undo step failed"
                return self._say("critical", fields.get("sentence") or f"NOT everything was put back: {left}", event)
            case Name.RECOVERED:
                self._escalates_s = None
            case Name.VERDICT:
                self._escalates_s = None
                self._drill = self._drill_over
                verdict = str(fields.get("verdict"))
                return self._say(_LOUDNESS.get(verdict, "warning"), f"{verdict}: {fields.get('sentence')}", event)
        return None

    def _notice(self, event: Event) -> Message:
        fields = event.fields
        if fields.get("state") != "given":
            return self._say("info", f"called off: {fields.get('sentence')}", event)
        self._title = str(fields.get("title") or "chaos-run")
        targets = ", ".join(fields.get("targets") or ()) or "targets not known before the run"
        begins = f"begins at {fields.get('starts_at')}, in {units.format_duration(float(fields.get('before_s') or 0))}"
        where = f"on {fields.get('context')} ({fields.get('environment')}): {targets}"
        return self._say("info", f"{begins}, {where}. By {fields.get('by')}. To stop it: {fields.get('stop')}", event)

    def escalate(self, t: float) -> Message | None:
        """Said once, when users have waited too long at second `t` of the run."""
        if self._last is None or self._escalates_s is None or t < self._escalates_s:
            return None
        self._escalates_s = None
        return self._say("critical", f"service not recovered {self._after_s:g} s after the run was stopped", self._last)

    def _say(self, level: Level, text: str, event: Event) -> Message:
        at = str(event.to_json()["at"])
        name, said = event.event.value, self._drill
        return Message(level=level, title=self._title, text=text, event=name, run=event.run, at=at, drill=said)


def _stopped(fields: Mapping[str, Any]) -> str:
    sentence = str(fields.get("sentence"))
    return sentence if fields.get("by") == StopReason.CONTROL else f"stopped by {fields.get('by')}: {sentence}"
