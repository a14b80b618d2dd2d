"""Objective: what users were promised, and which requests break the promise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from runner import units
from runner.slo.sample import BAD, Flag, Sample

LATE_SHARE = 0.1
"""A request that we sent later than this share of what it is measured by tells more of us than of the service (docs/measurement.md 3.4)."""
_SHED = int(Flag.SHED)
_ENDED = int(Flag.DONE | Flag.SHED)  # plain integers: an IntFlag takes ten times as long to compare, for every request


@dataclass(frozen=True, slots=True)
class Criterion:
    """Which requests count: those with any of the flags in `mask`, or slower than `slower_than_s`."""

    mask: int
    slower_than_s: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", int(self.mask))

    @property
    def limit_us(self) -> int | None:
        return None if self.slower_than_s is None else round(self.slower_than_s * 1e6)

    def latest_us(self, timeout_s: float) -> int:
        """A request that left later than this, in microseconds, is unmeasured: a tenth of the threshold, or of the timeout."""
        measure_s = timeout_s if self.slower_than_s is None else min(self.slower_than_s, timeout_s)
        return round(LATE_SHARE * measure_s * 1e6)

    def unmeasured(self, sample: Sample, timeout_s: float) -> bool:
        """We sent it late, or never: neither good nor bad."""
        return bool(sample.flags & _SHED) or sample.late_us > self.latest_us(timeout_s)

    def matches(self, sample: Sample) -> bool:
        """For a request that ended or was shed."""
        return bool(sample.flags & self.mask) or (self.limit_us is not None and sample.latency_us > self.limit_us)

    def patience_ns(self, timeout_s: float) -> int | None:
        """A request still pending after this long counts already; None: only its end can tell."""
        waits = [self.slower_than_s] if self.slower_than_s is not None else []
        if self.mask & Flag.TIMEOUT:
            waits.append(timeout_s)
        return round(min(waits) * 1e9) if waits else None


FAILED = Criterion(BAD)
TIMED_OUT = Criterion(Flag.TIMEOUT)
UNCONNECTED = Criterion(Flag.CONNECTION)


def unanswered_within(seconds: float) -> Criterion:
    """Took longer, or never came: what a latency percentile is made of. A quick error counts by its measured latency."""
    return Criterion(Flag.TIMEOUT | Flag.SHED, seconds)


@dataclass(frozen=True, slots=True)
class Objective:
    """An SLO: `target` of the indicator's requests are good, over `window_s` seconds."""

    name: str
    indicator: str
    kind: Literal["availability", "latency"]
    target: float
    """Ratio of good requests, above 0 and below 1."""
    threshold_s: float | None = None
    """Latency objectives: slower than this is bad, in seconds."""
    window_s: float = 30 * 86400.0
    """The SLO's own window, which its error budget belongs to."""
    slice_s: float | None = None
    """Seconds of a slice, where the objective is about slices of time instead of requests."""
    slice_target: float | None = None
    """Ratio of a slice's requests that makes it a good one; None: the mean of the slices' ratios is judged."""
    judge: Literal["service", "window"] = "service"
    """Who is judged: the service, of which the window is a sample; or the requests of the window, whatever clumped there."""

    def __post_init__(self) -> None:
        if self.slice_target is not None and self.slice_s is None:
            raise ValueError(f"objective {self.name}: a target of slices needs to know how long a slice is")
        if not 0 < self.target < 1:
            raise ValueError(f"objective {self.name}: a target of {self.target} leaves no error budget to measure by")
        if (self.kind == "latency") != (self.threshold_s is not None):
            raise ValueError(f"objective {self.name}: a threshold belongs to a latency objective, and only there")

    @property
    def budget(self) -> float:
        """Ratio of requests that may be bad."""
        return round(1 - self.target, 12)

    @property
    def criterion(self) -> Criterion:
        """Which requests are bad; a latency objective counts failures too, however fast they came."""
        return FAILED if self.threshold_s is None else Criterion(BAD, self.threshold_s)

    @property
    def promise(self) -> str:
        """`99 % answered well` or `95 % answered well within 500ms`; of slices: what makes a good one, too."""
        within = "" if self.threshold_s is None else f" within {units.format_duration(self.threshold_s)}"
        if self.slice_s is None:
            return f"{units.format_ratio(self.target)} answered well{within}"
        slices = f"slices of {units.format_duration(self.slice_s)}"
        if self.slice_target is None:
            return f"{units.format_ratio(self.target)} answered well{within}, as the mean of {slices}"
        good = units.format_ratio(self.slice_target)
        return f"{units.format_ratio(self.target)} of {slices} with {good} answered well{within}"

    @property
    def momentary(self) -> Objective:
        """What has to hold at any moment for a slice to become good: asked where nobody can wait for slices."""
        return replace(self, target=self._slice_limit, slice_s=None, slice_target=None)

    @property
    def _slice_limit(self) -> float:
        return self.target if self.slice_target is None else min(self.slice_target, 0.999999)

    def counted_at(self, rate: float) -> float:
        """How many of what it counts there are a second, where the indicator has `rate` requests."""
        return rate if self.slice_target is None or self.slice_s is None else 1 / self.slice_s

    def counted_in(self, what: str) -> str:
        """What it counts: `what` its indicator does, or slices."""
        whole = self.slice_target is None or self.slice_s is None
        return what if whole else f"slices of {units.format_duration(self.slice_s or 0)}"

    def is_bad(self, sample: Sample, now_ns: int, timeout_s: float) -> bool | None:
        """None while it cannot be told yet: pending, and younger than threshold and timeout."""
        if sample.flags & _ENDED:
            return self.criterion.matches(sample)
        patience = self.criterion.patience_ns(timeout_s)
        return True if patience is not None and now_ns - sample.intended_ns > patience else None
