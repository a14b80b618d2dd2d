"""RunRecord: everything that is kept of one run, as plain values; what the store keeps and every report reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runner import codec
from runner.timeline import way_back
from runner.timeline.asked import Asked
from runner.timeline.mark import Finding, Indicator, Mark, Said, Window
from runner.timeline.vocabulary import MarkName, Proof, StopReason, UndoState
from runner.timeline.way_back import WayBack


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectiveResult:
    """One objective of one run, judged over the fault and recovery windows."""

    name: str
    indicator: str
    kind: str
    """availability or latency; timeslices where good slices of time are counted, of either."""
    target: float
    """Ratio of good events asked for, 0 to 1."""
    threshold_s: float | None = None
    """Slower than this is bad (latency objectives), in seconds."""
    verdict: str
    """PASS, FAIL or INCONCLUSIVE."""
    sentence: str
    bad: int
    total: int
    lower: float
    """One-sided 95 % lower bound of the bad ratio."""
    upper: float
    """One-sided 95 % upper bound of the bad ratio."""
    dispersion: float = 1.0
    budget_spent: float = 0.0
    """Share of the whole error budget of the SLO window that this run spent, 0 to 1 and beyond."""
    outage_s: float = 0.0
    """The same as equivalent full-outage time, in seconds."""
    window_s: float = 30 * 86400.0
    """The SLO's own window, which the budget belongs to, in seconds."""
    slice_s: float | None = None
    """Seconds of a slice, where it is about slices of time."""
    slice_target: float | None = None
    """Ratio of good requests that makes a good slice; `bad` and `total` are then slices."""
    unmeasured: int = 0
    """Requests that the prober sent late or never; they are neither in `bad` nor in `total`."""
    judge: str = "service"
    """service, or window where the window's own requests decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HypothesisResult:
    """One check of the file's steady-state hypothesis."""

    when: str
    """before, during, after or recovered."""
    met: bool
    checks: int = 1
    failed: int = 0
    sentence: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """What the method waited for after one of its activities; seconds."""

    after: str
    probe: str
    met: bool
    within_s: float
    waited_s: float
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UndoStep:
    """One step of the way back, as it was played."""

    step: int
    what: str
    state: UndoState
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One action of the method, what it was aimed at, and whether it was proven to bite."""

    name: str
    targets: tuple[str, ...] = ()
    proof: Proof = Proof.ASSUMED
    """proven, assumed (it named targets, or users felt it), vacuous, or silent: it said nothing of itself, beside one that bit."""
    evidence: str = ""
    undo_owner: str = "undoer"
    """Who undoes if we die: system, undoer or nobody."""
    stays: bool = False
    """The file says that its change is meant to stay (`stays:`): nobody puts it back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What a verdict rests on besides what was measured, so that it can be given again; seconds."""

    injecting: bool
    """The order to inject had been given."""
    acted: bool = False
    """An action had been begun."""
    clean: bool = True
    """The way back was played to its end without a failure."""
    stopped_by: StopReason | None = None
    """Who ended the run early; None where it went to its end."""
    stopped_why: str = ""
    recovery_s: float = 0.0
    detected_within_s: float | None = None
    recovered_within_s: float | None = None
    undo_missing: bool = False
    """There is an action without an undo, and the file or the policy asks for one."""
    half_way: dict[str, str] = field(default_factory=dict)
    """Actions that failed, and why."""
    check: bool = False
    """The method is empty: the run is a check of the steady state."""
    unwatched: str = ""
    """Why the hypothesis was not asked while anything was broken, where the file asks for that."""
    dry: str = ""
    """What was not executed, where the file asks for a dry run: probes, actions, activities, pause."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alerting:
    """How the team's own alerts were watched in a run."""

    sources: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    """Which the sources can tell at all: a stage that is not among them is not missing but unknown."""
    floor: dict[str, float] = field(default_factory=dict)
    """The soonest that the pipeline can tell anybody, by part, in seconds."""
    unnotified: str = ""
    """Why an alert that fired reached nobody."""
    failures: tuple[str, ...] = ()
    """Expectations of the file that were not met, as sentences."""
    unwatched: str = ""
    """Which sources could not be asked while it mattered, and how long: what they did not tell is unknown, not missing."""
    unknown: tuple[str, ...] = ()
    """Expectations of the file of which nobody can say whether they were met, as sentences."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run, whole. `samples` themselves stay in the run's folder as tapes."""

    run: str
    title: str
    experiment: str
    """The file's path or URL as given."""
    experiment_hash: str
    service: str
    context: str
    started: datetime
    ended: datetime
    started_mono_ns: int
    verdict: str
    """PASS, FAIL, INCONCLUSIVE, ABORTED, UNDO_FAILED, ENVIRONMENT or INTERRUPTED."""
    exit_code: int
    sentence: str
    folder: str
    """Where the tapes, the ledger, the events and the journal are."""
    objectives: tuple[ObjectiveResult, ...] = ()
    hypothesis: tuple[HypothesisResult, ...] = ()
    faults: tuple[Fault, ...] = ()
    waits: tuple[Wait, ...] = ()
    undo: tuple[UndoStep, ...] = ()
    residue: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    """What was looked at after the undo and found clean, a sentence each."""
    way_back: WayBack | None = None
    """None for a run that an older version recorded."""
    marks: tuple[Mark, ...] = ()
    windows: tuple[Window, ...] = ()
    pauses: tuple[Window, ...] = ()
    """Stretches after the impact in which every objective held until one was missed again: not the recovery."""
    indicators: tuple[Indicator, ...] = ()
    findings: tuple[Finding, ...] = ()
    said: tuple[Said, ...] = ()
    """What people told the run while it was live."""
    ttd_s: float | None = None
    ttd_censored: bool = False
    ttr_s: float | None = None
    ttr_censored: bool = False
    """True where the abort ended the fault, or the run ended before recovery: the value is then a lower bound."""
    ttd_error_s: float = 0.0
    ttr_error_s: float = 0.0
    environment: dict[str, Any] = field(default_factory=dict)
    """Versions, machine, operator, options: whatever helps to repeat it."""
    gameday: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    """What the team sorts its runs by: `--label key=value`."""
    asked: Asked | None = None
    """None for a run that an older version recorded."""
    alerting: Alerting | None = None
    """None where no source of the team's alerts was configured."""
    terms: Terms | None = None
    """None for a run that an older version recorded, or that a recovery finished."""
    imported: str | None = None
    """When it came in from another machine's evidence bundle, RFC 3339; None for a run of this record."""

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(t for fault in self.faults for t in fault.targets))

    @property
    def back(self) -> WayBack:
        """The way back, as far as it is known; of an old record what its undo steps and its residue say."""
        if self.way_back is not None:
            return self.way_back
        failed = [f"{s.what} ({s.error})" for s in self.undo if s.state == UndoState.FAILED]
        if self.verdict == "UNDO_FAILED" and not failed and not self.residue:
            failed = ["an undo step failed"]
        acted = bool(self.undo) or self.mark(MarkName.INJECTED) is not None
        return way_back.assess_old_record(
            acted=acted, done=len(self.undo) - len(failed), failed=failed, residue=self.residue
        )

    @property
    def watched(self) -> bool:
        """Whether the objectives rest on any request at all; where they do not, nobody knows what users felt."""
        return any(o.total for o in self.objectives)

    @property
    def ttr_spread_s(self) -> float:
        """How much earlier or later than its TTR a run may have recovered because nothing was measured then, in seconds."""
        recovered = self.mark(MarkName.RECOVERED)
        return recovered.unmeasured_s / 2 if recovered and not self.ttr_censored else 0.0

    def mark(self, name: MarkName) -> Mark | None:
        """The first mark of that name."""
        return next((m for m in self.marks if m.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; times as RFC 3339 in UTC, with microseconds where there are any. `from_json` is its inverse."""
        plain: dict[str, Any] = codec.encode(self)
        return plain


def from_json(document: Mapping[str, Any]) -> RunRecord:
    """The record that `to_json` made plain: equal to it to the last microsecond.

    Fields that an older version did not know get their defaults, those of a newer one are left out. Raises DecodeError, a
    ValueError, for what is not a record.
    """
    return codec.decode(RunRecord, document, "record")
