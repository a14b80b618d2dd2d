"""Counts: an indicator that somebody else measured, as events counted between two readings instead of single requests."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

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


class Lost(NamedTuple):
    """About so many events were counted and lost between two moments (monotonic): their counter was gone before anybody read it."""

    since_ns: int
    at_ns: int
    events: float

    def between(self, start_ns: int, end_ns: int) -> float:
        """How many of them belong to a window, as if they had been spread evenly."""
        overlap = min(end_ns, self.at_ns) - max(start_ns, self.since_ns)
        return self.events * max(0, overlap) / max(1, self.at_ns - self.since_ns)


def read(text: str) -> list[Point]:
    """The points of such a file; a line that was cut short by a crash is left out."""
    rows = (row for row in _rows(text) if "good" in row)
    return [Point(int(row["mono_ns"]), row["total"] - row["good"], int(row["total"])) for row in rows]


def read_lost(text: str) -> list[Lost]:
    """What such a file says was lost."""
    rows = (row for row in _rows(text) if "lost" in row)
    return [Lost(int(row["since_ns"]), int(row["mono_ns"]), float(row["lost"])) for row in rows]


def _rows(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            if isinstance(row := json.loads(line), dict) and ("no_data" in row or "mono_ns" in row):
                yield row


def rebuilt(text: str, name: str, rate: float, seen_ns: int) -> Counts:
    """A run's counts as they stood at its end, from their file."""
    head: dict[str, object] = json.loads(text.partition("\n")[0])
    found = Counts(name, float(str(head["step_s"])), rate)
    found.count(read(text))
    for lost in read_lost(text):
        found.lose(lost)
    found.rate, found.now_ns = rate, seen_ns
    *_, last = [row for row in _rows(text) if "lost" not in row]
    if "no_data" in (told := last):
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
    found = _with_lost(objective, counts, replace(found, detail=of_events(found.detail)), start_ns, end_ns)
    gap_s = counts.longest_gap_s(start_ns, end_ns)
    if gap_s * 1e9 <= counts.patience_ns or found.verdict is Verdict.FAIL:
        return found
    why = f": {counts.trouble}" if counts.trouble else ""
    detail = f"{found.detail}; no data for {units.format_duration(gap_s)} of the window{why}"
    return replace(found, verdict=Verdict.INCONCLUSIVE, detail=detail)


def _with_lost(objective: Objective, counts: Counts, found: Judgement, start_ns: int, end_ns: int) -> Judgement:
    """The same, saying what is unknown; INCONCLUSIVE where that could turn it, were it all bad (or, for FAIL, all good)."""
    events = sum(lost.between(start_ns, end_ns) for lost in counts.lost)
    times = sum(lost.between(start_ns, end_ns) > 0 for lost in counts.lost)
    if not (about := math.ceil(events - 0.5)):
        return found
    often = "" if times == 1 else f", {times} times"
    said = f"about {about:,} events more are unknown: a process restarted, ended or was read no more after it had counted them{often}"
    if found.verdict is Verdict.INCONCLUSIVE:
        return replace(found, detail=f"{found.detail}; {said}")
    worse = found.verdict is Verdict.PASS
    cut = counts.cut(start_ns, end_ns, objective.slice_s)
    other = verdict.judge_slices(objective, counts.with_lost(cut, start_ns, bad=worse), counts.rate)
    if other.verdict is found.verdict:
        return replace(found, detail=f"{found.detail}; {said}: too few to change the verdict")
    turned = f"if they were {'bad' if worse else 'good'}, it would not be a {'pass' if worse else 'failure'}"
    return replace(found, verdict=Verdict.INCONCLUSIVE, detail=f"{found.detail}; {said}: {turned}")


class Counts(Series):
    """Mutable: answers what `Series` answers, of events as counts. They belong to the moment at which they were read.

    An event may therefore lie up to `step_s`, the time between two readings, before its moment; nothing is known of its latency.
    Its rate is what has been seen so far until `settle`; its now is the last reading, so that silence is never taken for good.
    """

    what = "events"
    last_word = "its source last answered"

    def __init__(self, name: str, interval_s: float, rate: float | None = None) -> None:
        super().__init__(name, rate or 1 / interval_s, 0.0)
        self.points: list[Point] = []
        self.lost: list[Lost] = []
        """In order of time, each moment once."""
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
        """A hole longer than this is no data: three readings, ten seconds at least (docs/measurement.md 1.5)."""
        return round(max(self.silence_s, 10.0) * 1e9)

    def read_share(self, start_ns: int, end_ns: int) -> float:
        came = bisect_left(self._moments, end_ns) - bisect_left(self._moments, start_ns)
        return came / max(1, math.floor((end_ns - start_ns) / 1e9 / self.step_s + 1e-6))

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

    def lose(self, lost: Lost) -> bool:
        """Note that events were lost; whether that is news: of one moment the most that was said counts."""
        same = next((old for old in self.lost if old.at_ns == lost.at_ns), None)
        if same is not None and lost.events <= same.events:
            return False
        if same is not None:
            self.lost.remove(same)
        insort(self.lost, lost)
        return True

    def with_lost(self, cut: Slices, start_ns: int, *, bad: bool) -> Slices:
        """The slices of a window that began then, with what is unknown in them as bad or as good events."""
        width, more = round(cut.slice_s * 1e9), []
        for begin in range(start_ns, start_ns + len(cut.bad) * width, width):
            more.append(sum(lost.between(begin, begin + width) for lost in self.lost))
        scheduled = [n + extra for n, extra in zip(cut.scheduled, more, strict=True)]
        worse = [n + extra * bad for n, extra in zip(cut.bad, more, strict=True)]
        end_ns = start_ns + len(cut.bad) * width
        more_pieces = [
            Point(one.at_ns, events * bad, events)
            for one in self.lost
            if (events := round(one.between(start_ns, end_ns)))
        ]
        peak = None if cut.peak is None else self._running_max(start_ns, end_ns, more_pieces)
        return replace(cut, bad=worse, scheduled=scheduled, peak=peak)

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

    def _running_max(self, start_ns: int, end_ns: int, more: Sequence[Point] = ()) -> float:
        """Reading by reading, which is as fine as it is known; with `more` than was read."""
        first, end = self._range(start_ns, end_ns)
        pieces: dict[int, list[int]] = {}
        for point in (*self.points, *more):
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
