"""Series: the samples of one indicator cut into equal bins over the run, and the tapes they come from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard, cast

from runner.slo import counts, sample
from runner.slo.counts import Point
from runner.slo.objective import FAILED
from runner.slo.sample import Flag, Sample
from runner.timeline.mark import Indicator
from runner.timeline.record import RunRecord

STEPS_S = (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Widths of a bin that people can name."""

_NO_ANSWER = Flag.SHED | Flag.CONNECTION | Flag.PROTOCOL
"""These have no latency worth showing: a refused connection is fast, and would make an outage look like a speed-up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """One stretch of time; the ratio and the latencies (seconds) are None where nothing ended well enough to tell."""

    start_s: float
    """Since the run began."""
    total: int
    bad: int
    error_ratio: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlotSeries:
    """One indicator's bins, each `width_s` long, without holes: an empty bin is a gap in the data."""

    width_s: float
    bins: tuple[Bin, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamHealth:
    """How well the prober itself did: lateness is sent minus intended, in seconds."""

    scheduled: int
    ended: int
    shed: int
    late_p50_s: float | None
    late_p99_s: float | None
    late_max_s: float | None


def span_s(record: RunRecord) -> float:
    """Seconds from the start of the run to the end of its last window; at least one."""
    end = max((w.end_ns for w in record.windows), default=record.started_mono_ns)
    return max(1.0, (end - record.started_mono_ns) / 1e9)


StreamSamples = Sequence[Sample] | Sequence[Point]
"""What was measured of an indicator: our own requests one by one, or what a source counted."""


def counted(seen: StreamSamples) -> TypeGuard[Sequence[Point]]:
    """Whether a source counted it: nothing is known of latencies then."""
    return bool(seen) and isinstance(seen[0], Point)


def series(record: RunRecord, indicator: Indicator, samples: StreamSamples, *, cells: int = 200) -> PlotSeries:
    """At most `cells` bins over the run, by the intended start of each request that has ended, or by the source's reading.

    What the verdict calls unmeasured, because we sent it late or never, is left out: it tells nothing of the service.
    """
    if counted(samples):
        return _of_points(record, samples, cells)
    requests = cast(Sequence[Sample], samples)
    measured = [s for s in requests if not FAILED.unmeasured(s, indicator.timeout_s)]
    return _of_requests(record, measured, cells)


def _of_points(record: RunRecord, points: Sequence[Point], cells: int) -> PlotSeries:
    gaps = sorted((b.at_ns - a.at_ns) / 1e9 for a, b in itertools.pairwise(points) if b.at_ns > a.at_ns)
    step = gaps[len(gaps) // 2] if gaps else 1.0
    least = max(span_s(record) / cells, step)
    width = next((step for step in STEPS_S if step >= 0.99 * least), least)
    filled: dict[int, list[int]] = {}
    for point in points:
        begun_s = (point.at_ns - record.started_mono_ns) / 1e9 - step  # where the events of a reading begin
        sums = filled.setdefault(max(0, int(begun_s // width)), [0, 0])
        sums[0] += point.bad
        sums[1] += point.total
    bins = (_sums(i * width, *filled.get(i, (0, 0))) for i in range(min(filled), max(filled) + 1))
    return PlotSeries(width_s=width, bins=tuple(bins))


def _sums(start: float, bad: int, total: int) -> Bin:
    ratio = bad / total if total > 0 else None
    return Bin(start_s=start, total=total, bad=bad, error_ratio=ratio, p50_s=None, p95_s=None, p99_s=None)


def _of_requests(record: RunRecord, samples: Sequence[Sample], cells: int) -> PlotSeries:
    width = _width(record, samples, cells)
    known = [s for s in samples if s.done or s.bad]
    if not known:
        return PlotSeries(width_s=width)
    first = record.started_mono_ns
    filled: dict[int, list[Sample]] = {}
    for s in known:
        filled.setdefault(int((s.intended_ns - first) / 1e9 // width), []).append(s)
    low, high = min(filled), max(filled)
    return PlotSeries(
        width_s=width,
        bins=tuple(_bin(i * width, filled.get(i, [])) for i in range(low, min(high, low + 4 * cells) + 1)),
    )


def _width(record: RunRecord, samples: Sequence[Sample], cells: int) -> float:
    """The smallest nameable width that gives at most `cells` bins with some ten samples in each."""
    seconds = span_s(record)
    if samples:
        seconds = max(seconds, (samples[-1].intended_ns - samples[0].intended_ns) / 1e9)
    least = max(seconds / cells, 10 * seconds / max(1, len(samples)) if samples else 0.0)
    return next((step for step in STEPS_S if step >= least), max(least, STEPS_S[-1]))


def _bin(start: float, inside: Sequence[Sample]) -> Bin:
    bad = sum(s.bad for s in inside)
    latencies = sorted(s.latency_us / 1e6 for s in inside if s.done and not s.flags & _NO_ANSWER)
    return Bin(
        start_s=start,
        total=len(inside),
        bad=bad,
        error_ratio=bad / len(inside) if inside else None,
        p50_s=quantile(latencies, 0.50),
        p95_s=quantile(latencies, 0.95),
        p99_s=quantile(latencies, 0.99),
    )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank quantile of ordered values: always a value that was measured; None of nothing."""
    return ordered[min(len(ordered), max(1, math.ceil(share * len(ordered)))) - 1] if ordered else None


def health(samples: Sequence[Sample]) -> StreamHealth:
    """The prober's own lateness, over every request it scheduled."""
    late = sorted(s.late_us / 1e6 for s in samples if s.flags)
    return StreamHealth(
        scheduled=len(late),
        ended=sum(s.done for s in samples),
        shed=sum(bool(s.flags & Flag.SHED) for s in samples),
        late_p50_s=quantile(late, 0.5),
        late_p99_s=quantile(late, 0.99),
        late_max_s=late[-1] if late else None,
    )


def read_tape(path: Path) -> list[Sample]:
    """The scheduled samples of one tape; none where the file is missing, cut short or not a tape."""
    try:
        data = path.read_bytes()
    except OSError:
        return []
    if len(data) < sample.HEADER.size or not data.startswith(sample.MAGIC):
        return []
    body = memoryview(data)[sample.HEADER.size :]
    whole = len(body) // sample.RECORD.size * sample.RECORD.size
    return [s for row in sample.RECORD.iter_unpack(body[:whole]) if (s := Sample(*row)).flags]


def read(record: RunRecord) -> Mapping[str, StreamSamples]:
    """What was measured of every indicator, by name, from the tapes and counts in the run's folder."""
    return {i.name: _read(Path(record.folder, i.tape)) for i in record.indicators}


def _read(path: Path) -> StreamSamples:
    return (
        counts.read(path.read_text("utf-8")) if path.name.endswith(counts.SUFFIX) and path.exists() else read_tape(path)
    )
