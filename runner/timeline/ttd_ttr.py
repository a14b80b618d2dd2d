"""TTD and TTR of one run: how long until detection and until recovery, reckoned from marks only.

The origin is the *impact*, the mark `effective` (an indicator of users left its baseline), not the injection: what lies
between the two is the fault's own latency and says nothing about the team. Definitions after Davidovic, "Incident
Metrics in SRE" (2021), and docs/measurement.md 5.1: TTD = detected - impact, TTR = recovered - impact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.timeline.mark import Mark
from runner.timeline.vocabulary import MarkName

NEVER_MISSED = "no objective was missed"
"""The source of a mark `recovered` of users who felt something and were never below an objective: nothing to recover from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IncidentTimes:
    """TTD and TTR in seconds, each with its clock error; a censored one is a lower bound, None is "does not apply"."""

    ttd_s: float | None = None
    ttd_censored: bool = False
    ttd_error_s: float = 0.0
    ttd_from_injected_s: float | None = None
    """The same moment reckoned from the injection, shown apart: the difference is the fault's latency."""
    ttr_s: float | None = None
    ttr_censored: bool = False
    ttr_error_s: float = 0.0


def times(marks: Sequence[Mark], *, aborted: bool, ended_ns: int, unwatched_ns: int | None = None) -> IncidentTimes:
    """TTD and TTR of one run; `ended_ns` is the run's end on the monotonic clock of the marks.

    * Users were hurt (`effective` is there): TTD from it to the first detection after the injection (zero when somebody
      noticed before users did). Nobody noticed: censored, at the abort or at the run's end.
    * TTR from it to the first recovery. The abort came first: censored at the abort, for it was the abort that ended the
      fault. Never recovered: censored at the run's end, or at the last moment at which users are known to have been hurt
      where nobody could see how they were later.
    * Users felt it, and no objective was ever missed: TTR is None, for a time of zero would claim a recovery.
    * Users were never hurt: nothing to recover from, TTR is None. TTD is reckoned from the injection if somebody
      noticed all the same; otherwise it is None and no miss, for there was nothing to notice.
    * Nothing was injected: both are None.
    * A source of detections could not be asked from `unwatched_ns` on: nobody noticed until then, and no later.

    Errors are worst cases: the sum of the errors of the two marks.
    """
    injected = _first(marks, MarkName.INJECTED)
    impact = _first(marks, MarkName.EFFECTIVE)
    if injected is None and impact is None:
        return IncidentTimes()
    begun = min((m for m in (injected, impact) if m), key=lambda m: m.mono_ns)
    detected = _first(marks, MarkName.DETECTED, since_ns=begun.mono_ns)
    cut_ns = _cut(marks, ended_ns) if aborted else ended_ns
    if impact is None:
        return IncidentTimes() if detected is None else _noticed(begun, begun, detected)
    known_ns = cut_ns if unwatched_ns is None else min(cut_ns, unwatched_ns)
    found = _noticed(impact, begun, detected) if detected else _missed(impact, begun, known_ns)
    ttr_s, censored, error_s = _recovery(marks, impact, cut_ns if aborted else None, ended_ns)
    return IncidentTimes(
        ttd_s=found.ttd_s,
        ttd_censored=found.ttd_censored,
        ttd_error_s=found.ttd_error_s,
        ttd_from_injected_s=found.ttd_from_injected_s,
        ttr_s=ttr_s,
        ttr_censored=censored,
        ttr_error_s=error_s,
    )


def _noticed(origin: Mark, injected: Mark, detected: Mark) -> IncidentTimes:
    return IncidentTimes(
        ttd_s=_seconds(origin.mono_ns, detected.mono_ns),
        ttd_error_s=origin.error_s + detected.error_s,
        ttd_from_injected_s=_seconds(injected.mono_ns, detected.mono_ns),
    )


def _missed(impact: Mark, injected: Mark, cut_ns: int) -> IncidentTimes:
    return IncidentTimes(
        ttd_s=_seconds(impact.mono_ns, cut_ns),
        ttd_censored=True,
        ttd_error_s=impact.error_s,
        ttd_from_injected_s=_seconds(injected.mono_ns, cut_ns),
    )


def _recovery(
    marks: Sequence[Mark], impact: Mark, cut_ns: int | None, ended_ns: int
) -> tuple[float | None, bool, float]:
    recovered = _first(marks, MarkName.RECOVERED, since_ns=impact.mono_ns)
    if recovered is None:
        unwatched = _first(marks, MarkName.UNWATCHED, since_ns=impact.mono_ns)
        return _seconds(impact.mono_ns, unwatched.mono_ns if unwatched else ended_ns), True, impact.error_s
    if recovered.source == NEVER_MISSED:
        return None, False, 0.0
    if cut_ns is not None and cut_ns <= recovered.mono_ns:
        known_ns = min(cut_ns, recovered.mono_ns - round(recovered.unmeasured_s / 2e-9))
        return _seconds(impact.mono_ns, known_ns), True, impact.error_s
    return _seconds(impact.mono_ns, recovered.mono_ns), False, impact.error_s + recovered.error_s


def _cut(marks: Sequence[Mark], ended_ns: int) -> int:
    """When the abort began to end the fault."""
    mark = _first(marks, MarkName.ABORTED) or _first(marks, MarkName.UNDO_STARTED)
    return mark.mono_ns if mark else ended_ns


def _first(marks: Sequence[Mark], name: MarkName, since_ns: int | None = None) -> Mark | None:
    found = (m for m in marks if m.name == name and (since_ns is None or m.mono_ns >= since_ns))
    return min(found, key=lambda m: m.mono_ns, default=None)


def _seconds(start_ns: int, end_ns: int) -> float:
    return max(0.0, (end_ns - start_ns) / 1e9)
