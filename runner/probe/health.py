"""Health: whether the prober itself kept its schedule; a starved instrument measures its own starvation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from runner import units
from runner.slo.sample import Flag, Sample

LATENESS_SHARE = 0.1
ACHIEVED = 0.99


@dataclass(frozen=True, slots=True)
class ProberHealth:
    """Of one indicator over the given samples; lateness in seconds, nearest rank."""

    lateness_p50: float
    lateness_p99: float
    achieved_ratio: float
    """Requests that really left, of those scheduled."""
    suspect: bool
    sentence: str


def health(samples: Sequence[Sample], threshold_s: float, scheduled: int | None = None) -> ProberHealth:
    """Suspect when lateness p99 is above a tenth of the latency threshold, or less than 99 % of the schedule left.

    `scheduled` is how many slots fell due, where the caller knows it (a prober that was killed did not write the rest);
    otherwise what the tape holds. No samples are suspect. Limits: docs/measurement.md 4.1.
    """
    if not samples:
        return ProberHealth(0.0, 0.0, 0.0, True, "the prober sent nothing")
    late = sorted(sample.late_us for sample in samples)
    p50, p99 = _rank(late, 0.5), _rank(late, 0.99)
    left = sum(not sample.flags & Flag.SHED for sample in samples)
    achieved = left / max(scheduled or 0, len(samples))
    faults = []
    if p99 > LATENESS_SHARE * threshold_s:
        faults.append(
            f"its requests left late (p99 {_ms(p99)}, a tenth of {units.format_duration(threshold_s)} is allowed)"
        )
    if achieved < ACHIEVED:
        faults.append(f"it sent only {units.format_ratio(achieved)} of its schedule (99 % is needed)")
    sentence = (
        f"the prober was starved: {' and '.join(faults)}"
        if faults
        else f"the prober kept its schedule: p99 {_ms(p99)} late"
    )
    return ProberHealth(p50, p99, achieved, bool(faults), sentence)


def _rank(ordered_us: Sequence[int], share: float) -> float:
    return ordered_us[max(0, math.ceil(share * len(ordered_us)) - 1)] / 1e6


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"
