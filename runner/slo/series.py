"""Series: what has been seen of one indicator so far, in buckets of 50 ms by intended start, for cheap sliding windows."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from runner.slo import slices
from runner.slo.objective import FAILED, Criterion
from runner.slo.sample import Flag, Sample

BUCKET_NS = 50_000_000
_BLOCK = 64  # buckets summed up once more, so that a long window costs little
_SHED = int(Flag.SHED)
STARVED = "the prober is starved: its requests leave late or never"
_NEVER = int(Flag.TIMEOUT)


class Buckets:
    """A count a bucket, and a sum a block of buckets."""

    def __init__(self) -> None:
        self.fine = array("L")
        self.coarse = array("L")

    def add(self, index: int, count: int = 1) -> None:
        if index >= len(self.fine):
            self.fine.extend([0] * (index + _BLOCK - len(self.fine)))
            self.coarse.extend([0] * (len(self.fine) // _BLOCK + 1 - len(self.coarse)))
        self.fine[index] += count
        self.coarse[index // _BLOCK] += count

    def between(self, first: int, end: int) -> int:
        """Sum over first <= bucket < end."""
        first = max(0, first)
        left, right = -(-first // _BLOCK), end // _BLOCK
        if left >= right:
            return sum(self.fine[first : max(first, end)])
        edges = chain(self.fine[first : left * _BLOCK], self.fine[right * _BLOCK : end])
        return sum(self.coarse[left:right]) + sum(edges)

    def first_between(self, first: int, end: int) -> int | None:
        """The first bucket in the range that counted anything."""
        first = max(0, first)
        return next((first + i for i, count in enumerate(self.fine[first:end]) if count), None)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many requests were scheduled in a window, how many of them count, and of how many nothing can be said yet."""

    counted: int
    scheduled: int
    undecided: int

    @property
    def decided(self) -> int:
        return self.scheduled - self.undecided

    @property
    def ratio(self) -> float:
        """Of the decided ones; 0 where there are none: ask `decided` first, no data is not good data."""
        return self.counted / self.decided if self.decided else 0.0


class Counted(Protocol):
    """Whatever can be asked how many of a window count: a series of requests or events, or slices of it."""

    @property
    def name(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def rate(self) -> float: ...
    @property
    def slice_s(self) -> float: ...
    @property
    def step_s(self) -> float: ...
    @property
    def now_ns(self) -> int: ...
    def lag_ns(self, now_ns: int) -> int: ...
    def watch(self, criterion: Criterion) -> None: ...
    def begin_ns(self, now_ns: int) -> int: ...
    def tally(self, criterion: Criterion, start_ns: int, end_ns: int | None = None) -> Tally: ...
    def first_ns(self, criterion: Criterion, start_ns: int, end_ns: int | None = None) -> int | None: ...


class Series:
    """One indicator's requests: `rate` a second as scheduled, given up after `timeout_s` seconds.

    All questions are asked in nanoseconds of the monotonic clock and answered to the bucket: a window starts at the first
    whole bucket in it. Answers are as of the last `absorb`.
    """

    what = "requests"
    """What is counted."""
    last_word = "its last request ended"
    """How to say that something was measured, before a time."""
    trouble = ""
    """Why nothing is known at the moment, where there is more to say than that."""

    def __init__(self, name: str, rate: float, timeout_s: float) -> None:
        self.name = name
        self.rate = rate
        self.timeout_s = timeout_s
        self.now_ns = 0
        """When it was last told something."""
        self.last_done_ns: int | None = None
        """When the last request ended that ended at all."""
        self._origin: int | None = None
        self._done = Buckets()
        self._counters: dict[Criterion, Buckets] = {}
        self._unmeasured: dict[int, Buckets] = {}
        """By how late a request may have left, in microseconds."""
        self._latencies: list[array[int]] = []
        self._flags: list[array[int]] = []
        self._lates: list[array[int]] = []
        self._waiting: list[Sample] = []
        self._pending: dict[int, list[int]] = {}
        self._latest_us = FAILED.latest_us(timeout_s)
        self.watch(FAILED)

    @property
    def slice_s(self) -> float:
        """Seconds of a slice that holds enough requests to bet on, in whole buckets."""
        return slices.length_s(self.rate)

    @property
    def step_s(self) -> float:
        """Seconds between two moments at which anything new can be known; our own traffic is known at once."""
        return 0.0

    @property
    def silence_s(self) -> float:
        """Seconds without anything new that may well be chance: three slices."""
        return 3 * self.slice_s

    @property
    def patience_ns(self) -> int:
        """For how long it may not be read, where it is read."""
        return 0

    def read_share(self, start_ns: int, end_ns: int) -> float:
        """Of the readings due in a window how many came, whatever they counted; single requests are not read: none."""
        return 0.0

    def lag_ns(self, now_ns: int) -> int:
        """How far behind `now_ns` is what can be known."""
        return 0

    def begin_ns(self, now_ns: int) -> int:
        """The first moment, not before `now_ns`, from which can be counted."""
        return -(-now_ns // BUCKET_NS) * BUCKET_NS

    def settle(self) -> None:
        """What is usual is known from here on; the rate of our own traffic always is."""

    def watch(self, criterion: Criterion) -> None:
        """Count by this criterion from now on, and for what has been seen already."""
        if criterion in self._counters:
            return
        counter = self._counters[criterion] = Buckets()
        latest = criterion.latest_us(self.timeout_s)
        unmeasured = Buckets() if latest not in self._unmeasured else None
        limit = criterion.limit_us
        for index, columns in enumerate(zip(self._latencies, self._flags, self._lates, strict=True)):
            known = [(us, f) for us, f, late in zip(*columns, strict=True) if late <= latest and not f & _SHED]
            counter.add(index, sum(bool(f & criterion.mask) or (limit is not None and us > limit) for us, f in known))
            if unmeasured is not None:
                unmeasured.add(index, len(columns[0]) - len(known))
        self._unmeasured.setdefault(latest, unmeasured or Buckets())

    def rely_on(self, criterion: Criterion) -> None:
        """The run is stopped by this criterion: what is too late for it is no sign of life."""
        self._latest_us = min(self._latest_us, criterion.latest_us(self.timeout_s))

    def absorb(self, finished: Iterable[Sample], pending: Iterable[Sample], now_ns: int) -> None:
        """Take in the requests that ended since the last call (each once), and all that are still pending."""
        finished = list(finished)
        self._waiting = sorted(s for s in pending if not s.flags & _SHED)
        self._pending = {}
        self.now_ns = now_ns
        if self._origin is None:
            starts = [s.intended_ns for s in finished] + [s.intended_ns for s in self._waiting[:1]]
            if not starts:
                return
            self._origin = (min(starts) - round((self.timeout_s + 1) * 1e9)) // BUCKET_NS
        columns = [(c.mask, c.limit_us, c.latest_us(self.timeout_s), n) for c, n in self._counters.items()]
        for sample in finished:
            self._take(sample, columns)

    def _take(self, sample: Sample, columns: list[tuple[int, int | None, int, Buckets]]) -> None:
        intended, late, latency, _, flags = sample
        index = max(0, intended // BUCKET_NS - (self._origin or 0))
        while index >= len(self._flags):
            self._flags.append(array("H"))
            self._latencies.append(array("I"))
            self._lates.append(array("I"))
        self._flags[index].append(flags)
        self._latencies[index].append(latency)
        self._lates[index].append(late)
        self._done.add(index)
        shed = flags & _SHED
        for latest, unmeasured in self._unmeasured.items():
            if shed or late > latest:
                unmeasured.add(index)
        for mask, limit, latest, counter in columns:
            if not shed and late <= latest and (flags & mask or (limit is not None and latency > limit)):
                counter.add(index)
        if shed or late > self._latest_us:
            self.trouble = STARVED
            return
        self.trouble = ""
        end = intended + latency * 1000
        if self.last_done_ns is None or end > self.last_done_ns:
            self.last_done_ns = end

    def tally(self, criterion: Criterion, start_ns: int, end_ns: int | None = None) -> Tally:
        """Count over the whole buckets from `start_ns` to before `end_ns` (None: all there is)."""
        self.watch(criterion)
        first, end = self._range(start_ns, end_ns)
        if self._origin is None or end <= first:
            return Tally(0, 0, 0)
        latest = criterion.latest_us(self.timeout_s)
        pending = self._pending_within(latest)
        low, high = (bisect_left(pending, (edge + self._origin) * BUCKET_NS) for edge in (first, end))
        overdue = 0
        if (patience := criterion.patience_ns(self.timeout_s)) is not None:
            overdue = max(0, min(high, bisect_left(pending, self.now_ns - patience)) - low)
        measured = self._done.between(first, end) - self._unmeasured[latest].between(first, end)
        scheduled = measured + high - low
        return Tally(self._counters[criterion].between(first, end) + overdue, scheduled, high - low - overdue)

    def first_ns(self, criterion: Criterion, start_ns: int, end_ns: int | None = None) -> int | None:
        """Start of the first bucket in the window with a request that counts, pending ones included."""
        self.watch(criterion)
        first, end = self._range(start_ns, end_ns)
        if self._origin is None:
            return None
        found = self._counters[criterion].first_between(first, end)
        starts = [] if found is None else [(found + self._origin) * BUCKET_NS]
        patience = criterion.patience_ns(self.timeout_s)
        pending = self._pending_within(criterion.latest_us(self.timeout_s))
        low = bisect_left(pending, (first + self._origin) * BUCKET_NS)
        if patience is not None and low < len(pending) and pending[low] < self.now_ns - patience:
            starts.append(pending[low])
        return min(starts, default=None)

    def latencies_us(self, start_ns: int, end_ns: int | None = None) -> list[float]:
        """Sorted latencies of the window in microseconds, those still pending at their present age; never answered: infinite.

        Without those that we sent late by a tenth of the timeout, or never.
        """
        first, end = self._range(start_ns, end_ns)
        if self._origin is None:
            return []
        latest = FAILED.latest_us(self.timeout_s)
        pending = self._pending_within(latest)
        low, high = (bisect_left(pending, (edge + self._origin) * BUCKET_NS) for edge in (first, end))
        values = [(self.now_ns - intended) / 1000 for intended in pending[low:high]]
        for columns in zip(self._latencies[first:end], self._flags[first:end], self._lates[first:end], strict=True):
            known = ((us, f) for us, f, late in zip(*columns, strict=True) if late <= latest and not f & _SHED)
            values.extend(float("inf") if f & _NEVER else us for us, f in known)
        return sorted(values)

    def percentile_s(self, percentile: float, start_ns: int, end_ns: int | None = None) -> float | None:
        """The latency that `percentile` per cent of the window's requests do not exceed, in seconds; None without any."""
        values = self.latencies_us(start_ns, end_ns)
        rank = max(1, -(-len(values) * percentile // 100))
        return values[int(rank) - 1] / 1e6 if values else None

    def _pending_within(self, latest_us: int) -> list[int]:
        """Intended starts of the requests that are pending and were not sent too late."""
        if latest_us not in self._pending:
            self._pending[latest_us] = [s.intended_ns for s in self._waiting if s.late_us <= latest_us]
        return self._pending[latest_us]

    def _range(self, start_ns: int, end_ns: int | None) -> tuple[int, int]:
        """Bucket numbers of the whole buckets from start to end, counted from the first one seen."""
        origin = self._origin or 0
        first = max(0, -(-start_ns // BUCKET_NS) - origin)
        last = self.now_ns if end_ns is None else end_ns
        return first, max(first, -(-last // BUCKET_NS) - origin)
