"""Counts: an indicator that somebody else measured, as events counted between two readings instead of single requests."""

from __future__ import annotations

import contextlib
import itertools
import json
from bisect import insort
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from runner import units
from runner.slo import slices, verdict
from runner.slo.objective import FAILED, Criterion, Objective
from runner.slo.series import BUCKET_NS, Buckets, Series, Tally
from runner.slo.slices import Slices
from runner.slo.verdict import Judgement, Verdict

SUFFIX = ".counts.jsonl"
"""How the file of an indicator's counts is called, in the run's folder."""


class Point(NamedTuple):
    """What one reading added: `total` events, `bad` of them, seen at `at_ns` (monotonic) and since the reading before."""

    at_ns: int
    bad: int
    total: int


def read(text: str) -> list[Point]:
    """The points of such a file; a line that was cut short by a crash is left out."""
    points = []
    for row in text.splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            found = json.loads(row)
            if "good" in found:
                points.append(Point(int(found["mono_ns"]), found["total"] - found["good"], int(found["total"])))
    return points


def rebuilt(text: str, name: str, rate: float, seen_ns: int) -> Counts:
    """A run's counts as they stood at its end, from their file."""
    head: dict[str, object] = json.loads(text.partition("\n")[0])
    found = Counts(name, float(str(head["step_s"])), rate)
    found.count(read(text))
    found.rate, found.now_ns = rate, seen_ns
    *_, last = text.rstrip().splitlines()
    if "no_data" in (told := json.loads(last)):
        found.trouble = f"{head['source']}: {told['no_data']}"
    return found


def of_events(sentence: str) -> str:
    """A sentence about requests said of events, which is what a source counts."""
    return (
        sentence.replace("not a single request was", "not a single event was")
        .replace("requests", "events")
        .replace("req/s", "events/s")
        .replace("answered well", "good")
    )


def judge(objective: Objective, counts: Counts, start_ns: int, end_ns: int) -> Judgement:
    """Over the readings of a window; a hole in them leaves at best INCONCLUSIVE, for nobody saw what happened then."""
    end_ns = (
        min(end_ns, max(start_ns, counts.now_ns + BUCKET_NS)) if counts.lag_ns(end_ns) < counts.patience_ns else end_ns
    )
    found = verdict.judge_slices(objective, counts.cut(start_ns, end_ns, objective.slice_s), counts.rate)
    found = replace(found, detail=of_events(found.detail))
    gap_s = counts.longest_gap_s(start_ns, end_ns)
    if gap_s * 1e9 <= counts.patience_ns or found.verdict is Verdict.FAIL:
        return found
    why = f": {counts.trouble}" if counts.trouble else ""
    detail = f"{found.detail}; no data for {units.format_duration(gap_s)} of the window{why}"
    return replace(found, verdict=Verdict.INCONCLUSIVE, detail=detail)


class Counts(Series):
    """Mutable: answers what `Series` answers, of events as counts. They belong to the moment at which they were read.

    An event may therefore lie up to `step_s`, the time between two readings, before its moment; nothing is known of its latency.
    Its rate is what has been seen so far until `settle`; its now is the last reading, so that silence is never taken for good.
    """

    what = "events"
    last_word = "its source last told something"

    def __init__(self, name: str, interval_s: float, rate: float | None = None) -> None:
        super().__init__(name, rate or 1 / interval_s, 0.0)
        self.points: list[Point] = []
        self.trouble = ""
        self._interval_s = interval_s
        self._counted, self._all = Buckets(), Buckets()
        self._moments: list[int] = []
        self._settled = False

    @property
    def step_s(self) -> float:
        """Seconds between two readings that say something new: our interval, or the source's own where that is longer."""
        gaps = [(b - a) / 1e9 for a, b in itertools.pairwise(self._moments[-50:])]
        longer = [gap for gap in gaps if gap > 0.5 * self._interval_s]
        return max(self._interval_s, sorted(longer)[len(longer) // 2]) if longer else self._interval_s

    @property
    def slice_s(self) -> float:
        """Seconds of a slice: enough events to bet on, and one reading at the least, in whole buckets."""
        return max(slices.length_s(self.rate), -(-self.step_s * 20 // 1) / 20)

    @property
    def silence_s(self) -> float:
        """Seconds without a reading that may well be chance: three readings, however few events each brings."""
        return 3 * self.step_s

    @property
    def patience_ns(self) -> int:
        """A hole longer than this is no data: three readings, ten seconds at least (measurement 2.4)."""
        return round(max(self.silence_s, 10.0) * 1e9)

    def lag_ns(self, now_ns: int) -> int:
        return max(0, now_ns - self.now_ns) if self.now_ns else 0

    def expect(self, step_s: float) -> None:
        """How often the source itself reads, where that is known before the first event."""
        self._interval_s = max(self._interval_s, step_s)

    def settle(self) -> None:
        """From here on the rate is the one of now: what a fault does to it must not shrink an outage."""
        self._measure_rate()
        self._settled = True

    def count(self, points: Iterable[Point]) -> None:
        """Take in what new readings added; a later word on the same moment may also take away."""
        for point in points:
            if self._origin is None:
                self._origin = point.at_ns // BUCKET_NS - 1200
            index = max(0, point.at_ns // BUCKET_NS - self._origin)
            self._counted.add(index, point.bad)
            self._all.add(index, point.total)
            self.points.append(point)
            if point.at_ns not in self._moments[-100:]:
                insort(self._moments, point.at_ns)

    def seen(self, at_ns: int) -> None:
        """The source has told all it knew up to this moment (monotonic)."""
        self.now_ns = max(self.now_ns, at_ns)
        self.last_done_ns = self.now_ns
        self.trouble = ""
        if not self._settled:
            self._measure_rate()

    def tally(self, criterion: Criterion, start_ns: int, end_ns: int | None = None) -> Tally:
        """Count over the whole buckets from `start_ns` to before `end_ns` (None: all there is)."""
        first, end = self._range(start_ns, self.now_ns + BUCKET_NS if end_ns is None else end_ns)
        if self._origin is None or end <= first or criterion != FAILED:
            return Tally(0, 0, 0)
        return Tally(self._counted.between(first, end), self._all.between(first, end), 0)

    def first_ns(self, criterion: Criterion, start_ns: int, end_ns: int | None = None) -> int | None:
        """Start of the first bucket in the window with a bad event."""
        first, end = self._range(start_ns, self.now_ns + BUCKET_NS if end_ns is None else end_ns)
        found = None if self._origin is None else self._counted.first_between(first, end)
        return None if found is None or self._origin is None else (found + self._origin) * BUCKET_NS

    def cut(self, start_ns: int, end_ns: int, slice_s: float | None = None) -> Slices:
        """The window in slices, for a verdict; in whole ones only where it is given how long they are."""
        width, bad, total = round((slice_s or self.slice_s) * 1e9), [], []
        if slice_s is not None:
            end_ns = start_ns + max(0, end_ns - start_ns) // width * width
        for start in range(start_ns, end_ns, width):
            tally = self.tally(FAILED, start, min(start + width, end_ns))
            bad.append(tally.counted)
            total.append(tally.scheduled)
        return Slices(bad, total, width / 1e9, peak=None if slice_s else self._running_max(start_ns, end_ns))

    def _running_max(self, start_ns: int, end_ns: int) -> float:
        """Reading by reading, which is as fine as it is known."""
        first, end = self._range(start_ns, end_ns)
        pieces: dict[int, list[int]] = {}
        for point in self.points:
            if first <= (index := point.at_ns // BUCKET_NS - (self._origin or 0)) < end:
                piece = pieces.setdefault(index, [0, 0])
                piece[0], piece[1] = piece[0] + point.bad, piece[1] + point.total
        return slices.running_max((bad, total) for _, (bad, total) in sorted(pieces.items()))

    def longest_gap_s(self, start_ns: int, end_ns: int) -> float:
        """The longest stretch of the window, in seconds, without any reading."""
        inside = [at for at in self._moments if start_ns <= at <= end_ns]
        edges = [start_ns, *inside, end_ns]
        return max((b - a) / 1e9 for a, b in itertools.pairwise(edges))

    def _measure_rate(self) -> None:
        seconds = (self._moments[-1] - self._moments[0]) / 1e9 if len(self._moments) > 1 else 0.0
        events = sum(p.total for p in self.points) - (self.points[0].total if self.points else 0)
        if seconds >= self.step_s and events > 0:
            self.rate = events / seconds
