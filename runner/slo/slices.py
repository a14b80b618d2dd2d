"""Slices: a finished window of samples, cut by intended start into the pieces that the tests are made on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.slo.objective import Objective
from runner.slo.sample import Sample

_EDGES = 2
"""So many requests fewer than rate x time may lie in a window, wherever its edges are."""


def length_s(rate: float) -> float:
    """Seconds of a slice that holds enough requests to bet on: max(1 s, 100/rate), in whole 50 ms (docs/measurement.md 2.3)."""
    return max(1.0, math.ceil(2000 / rate) / 20)


@dataclass(frozen=True, slots=True)
class Slices:
    """Bad and scheduled requests of each slice; the last one may be cut short by the window's end."""

    bad: Sequence[float]
    scheduled: Sequence[float]
    slice_s: float
    undecided: int = 0
    """Requests of which nothing can be said yet; they are in no slice."""
    unmeasured: int = 0
    """Requests that we sent late, or never; they are in no slice either."""
    peak: float | None = None
    """The running maximum of the bad ratio, request by request; None where nothing finer than the slices is known."""

    @property
    def total_bad(self) -> float:
        return sum(self.bad)

    @property
    def total(self) -> float:
        return sum(self.scheduled)

    @property
    def running_max(self) -> float:
        """The highest bad ratio of all beginnings of the window: max over j of bad(first j) / j; 0 without requests."""
        return self.peak if self.peak is not None else running_max(zip(self.bad, self.scheduled, strict=True))

    def grouped(self, size: int) -> Slices:
        """Every `size` slices as one; what is left over at the end is dropped, except when it is all there is."""
        whole = max(size, len(self.bad) // size * size)
        starts = range(0, min(whole, len(self.bad)), size)
        bad = [sum(self.bad[i : min(i + size, whole)]) for i in starts]
        return Slices(bad, [sum(self.scheduled[i : i + size]) for i in starts], self.slice_s * size)

    @property
    def dispersion(self) -> float:
        """How many times the bad counts vary more than independent requests would (docs/measurement.md 3.2).

        1 where chance alone explains it (95 % of a chi-squared with n - 1 degrees): an estimate that is noise would only
        take power away from the verdict.
        """
        counts, n = self.bad, len(self.bad)
        if n < 2 or not (bad := sum(counts)) or bad == self.total:
            return 1.0
        mean, mean_scheduled = bad / n, self.total / n
        variance = sum((k - mean) ** 2 for k in counts) / (n - 1)
        phi = variance / (mean * (1 - mean / mean_scheduled))
        return phi if phi > _chance(n - 1) else 1.0


def running_max(pieces: Iterable[tuple[float, float]]) -> float:
    """The highest bad/total of all beginnings of a window that is given in pieces of (bad, total), in order of time."""
    highest = bad = total = 0.0
    for more_bad, more in pieces:
        bad, total = bad + more_bad, total + more
        if more_bad and total:
            highest = max(highest, bad / total)
    return highest


def _chance(freedom: int) -> float:
    """The 95 % point of chi-squared over its degrees of freedom (Wilson and Hilferty, PNAS 17, 1931)."""
    part: float = 2 / (9 * freedom)
    return (1 - part + 1.6449 * math.sqrt(part)) ** 3


def cut(
    objective: Objective,
    samples: Iterable[Sample],
    start_ns: int,
    end_ns: int,
    *,
    rate: float,
    timeout_s: float,
    now_ns: int,
    until_ns: int = 0,
) -> Slices:
    """Cut the requests intended in [start, end) as they stood at `now_ns` (when the prober last wrote).

    An objective about slices has whole ones of its own length only. `until_ns` is when the prober was told to stop, where that is
    known: requests that were due until then and are not there were never sent.
    """
    slice_s = objective.slice_s or length_s(rate)
    width = round(slice_s * 1e9)
    if objective.slice_s is not None:
        end_ns = start_ns + max(0, end_ns - start_ns) // width * width
    count = max(0, -(-(end_ns - start_ns) // width))
    bad, scheduled, undecided = [0] * count, [0] * count, 0
    decided: list[tuple[int, bool]] = []
    written = late = 0
    for sample in samples:
        if not (start_ns <= sample.intended_ns < end_ns and sample.flags):
            continue
        written += 1
        if objective.criterion.unmeasured(sample, timeout_s):
            late += 1
            continue
        if (found := objective.is_bad(sample, now_ns, timeout_s)) is None:
            undecided += 1
            continue
        index = (sample.intended_ns - start_ns) // width
        scheduled[index] += 1
        bad[index] += found
        decided.append((sample.intended_ns, found))
    decided.sort()
    due = math.floor(rate * (min(end_ns, until_ns) - start_ns) / 1e9) - _EDGES
    peak = running_max((found, 1) for _, found in decided)
    return Slices(bad, scheduled, slice_s, undecided, late + max(0, due - written), peak)
