"""Mark, Window, Finding, Indicator: what a run notes while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from runner.timeline.vocabulary import MarkName, Phase


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One named moment on both clocks, with its error in seconds and where it came from."""

    name: MarkName
    at: datetime
    mono_ns: int
    error_s: float = 0.0
    source: str = ""
    evidence: str = ""
    """The raw answer that says so, as a file of the run's folder; empty where it was ourselves who saw it."""
    unmeasured_s: float = 0.0
    """Of a recovery: it lies in a span as long as this, not all of which was measured, and `mono_ns` is its middle."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something a reader should know: `severity` is info, warning or error."""

    severity: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a person told a run or a GameDay, and when: `kind` is ack, mitigated, note or stop."""

    at: datetime
    kind: str
    by: str
    text: str = ""

    @property
    def sentence(self) -> str:
        """As people read it in a timeline."""
        did = {"ack": "acknowledged", "mitigated": "reported a mitigation", "note": "noted", "stop": "stopped it"}
        return f"{self.by} {did.get(self.kind, self.kind)}{f': {self.text}' if self.text else ''}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """One phase on the monotonic clock."""

    phase: Phase
    start_ns: int
    end_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Indicator:
    """One stream of our own traffic and where its samples are (a tape, relative to the run's folder)."""

    name: str
    url: str
    rate: float
    timeout_s: float
    tape: str
    seen_ns: int = 0
    """When its samples were read last before the judgement, on the monotonic clock; 0 where an older version kept none."""
    until_ns: int = 0
    """When the prober was told to stop: what was due until then and is not on the tape was never sent. 0 where that is not known."""
    status: str = ""
    """Which statuses were good, `200-299,302`; empty where an older version did not keep it: then as the tape says."""
    before: dict[str, int] = field(default_factory=dict)
    """Answers of the baseline by status."""
    answered: dict[str, int] = field(default_factory=dict)
    """Answers of what was judged by status."""
    failures: dict[str, int] = field(default_factory=dict)
    """Bad requests of what was judged, by the name of what became of them."""
    new: int | None = None
    """How many of what was judged opened a connection; None where nothing was judged, and in older records."""
    new_bad: int = 0
    kept: int = 0
    """How many went over a connection that was there already."""
    kept_bad: int = 0
