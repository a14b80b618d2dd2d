"""Recovery: since when the indicators are within their objectives for good: the last stretch that stayed so until now."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from runner.slo import interval
from runner.slo.objective import Objective
from runner.slo.series import BUCKET_NS, Series, Tally

_SETTLE_NS = 100_000_000
CERTAIN = 0.99
"""Stray errors of a healthy service do not end a stretch: its objective has to be missed with this confidence."""
PAUSE_S = 1.0
"""A stretch between two outages that lasted as long as this, and two slices, is worth a word."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The beginning of the stretch that holds, on the monotonic clock, and how far off that may be, in seconds.

    Where nothing was measured between the last bad moment and the first good one it is the middle of the two.
    """

    at_ns: int
    error_s: float
    broken: bool = True
    """Whether an objective was, or may have been, missed since we looked; where none was there was nothing to recover from."""
    unmeasured_s: float = 0.0
    """From the last moment known to be bad to the first known to be good, where not all of that was measured."""


class _Slice(Enum):
    GOOD = "within all objectives"
    DOUBTFUL = "more bad ones than allowed, which may be chance"
    BAD = "an objective is missed for certain"
    FEW = "it was measured, and too few events came to say anything"
    UNKNOWN = "less than half of it was measured"


@dataclass
class Recovery:
    """Mutable: looks for the stretch of good slices that lasts until now, from `since_ns`, the impact, on.

    A stretch begins with a good slice and has held once its objectives did over `stable_s` seconds. It ends with the first slice,
    or `stable_s` seconds, in which an objective is missed for certain; then the search goes on behind it. A slice is half a
    second, or as long as it takes for ten requests, or two readings, of the slowest indicator. Where the outage before was
    partial, so many slices have to be good at the beginning that it would have shown itself in them (95 %): the error of
    the stamp is one slice, or that long (docs/measurement.md 5.1). Time that was not measured is neither good nor bad: it
    widens the error, and a stretch of which less than half was measured over `stable_s` seconds holds no more; of what a
    source counted: in which it was not read for so long, and longer than three readings. Few events are no lack of measuring.
    """

    series: Mapping[str, Series]
    objectives: Iterable[Objective]
    stable_s: float
    since_ns: int
    slice_s: float = field(init=False)
    candidate_ns: int = field(init=False)
    """The earliest moment that may still turn out to be the recovery."""

    def __post_init__(self) -> None:
        self._watched = [(o.momentary, self.series[o.indicator]) for o in self.objectives]
        for objective, series in self._watched:
            series.watch(objective.criterion)
        self.slice_s = max([0.5, *(2 * s.step_s or -(-10 * 20 // s.rate) / 20 for _, s in self._watched)])
        self.candidate_ns = self._next_ns = -(-self.since_ns // BUCKET_NS) * BUCKET_NS
        self._width_ns = round(self.slice_s * 1e9)
        self._needed = max(1, math.ceil(self.stable_s / self.slice_s - 1e-9))
        longest_ns = max((self._patience_ns(s) for _, s in self._watched), default=0)
        self._latest: deque[_Slice] = deque(maxlen=max(self._needed, -(-longest_ns // self._width_ns)))
        self._held = self._missed = self._doubted = self._silent = False
        self._begun_ns = self._beyond_ns = self.candidate_ns
        """The latter: how far we have looked for bad slices without a source that is silent."""
        self._hurt_ns = self.candidate_ns
        """Until when users are known to have been hurt, the impact at least."""
        self._unknown_ns: int | None = None
        """Since when, after that, something was not measured."""
        self._blind_ns: int | None = None
        self._outage_ns: int | None = None
        """Where the outage before the present stretch began."""
        self._pauses: list[tuple[int, int]] = []

    @property
    def pauses(self) -> tuple[tuple[int, int], ...]:
        """Stretches so far that held until users were hurt again: begin and end."""
        return tuple(self._pauses)

    @property
    def unwatched_ns(self) -> int | None:
        """Since when too little has been measured to say how users are; None while enough is."""
        if not self._silent:
            return self._blind_ns
        return None if self._hurt_ns == self._beyond_ns else max(self._blind_ns or self._next_ns, self._hurt_ns)

    @property
    def hurt_ns(self) -> int:
        """The last moment at which users are known to have been hurt: the impact, or the end of a bad slice."""
        return self._hurt_ns

    def tick(self, now_ns: int, until_ns: int = 0) -> Recovered | None:
        """The recovery as it stands, while a stretch holds; without objectives nothing can be said: None.

        `until_ns` is when the measuring was told to end, once it was: that nothing is measured later says nothing.
        """
        end_ns = min(now_ns, until_ns or now_ns)
        self._silent = any(s.trouble and s.lag_ns(end_ns) > self._patience_ns(s) for _, s in self._watched)
        now_ns -= max((s.lag_ns(now_ns) for _, s in self._watched), default=0)
        while self._watched and self._next_ns + self._width_ns <= min(end_ns, now_ns - _SETTLE_NS):
            if (found := self._look(self._next_ns, self._next_ns + self._width_ns)) is None:
                break
            self._take(found)
        if self._silent:
            self._look_beyond(end_ns - _SETTLE_NS)
        return self._as_it_stands() if self._held and not self._silent else None

    def _as_it_stands(self) -> Recovered:
        step_s = max(s.step_s for _, s in self._watched)
        error_s = self._beginning * self.slice_s + step_s
        if self._unknown_ns is None or self._unknown_ns >= self.candidate_ns:
            return Recovered(self.candidate_ns, error_s, self._missed)
        gap_ns = self.candidate_ns - self._hurt_ns
        broken = self._missed or self._doubted or gap_ns >= self.stable_s * 1e9
        return Recovered(self.candidate_ns - gap_ns // 2, gap_ns / 2e9 + error_s, broken, gap_ns / 1e9)

    def _look_beyond(self, until_ns: int) -> None:
        """Without the source that is silent nothing is found to be good; what the others show to be bad is bad all the same."""
        self._beyond_ns = max(self._beyond_ns, self._next_ns)
        while (end_ns := self._beyond_ns + self._width_ns) <= until_ns:
            if (found := self._look(self._beyond_ns, end_ns)) is None:
                break
            if found is _Slice.BAD:
                self._hurt_ns = end_ns
            self._beyond_ns = end_ns

    def _take(self, found: _Slice) -> None:
        """One more slice, everything about which is known."""
        start, self._next_ns = self._next_ns, self._next_ns + self._width_ns
        self._latest.append(found)
        self._note_unmeasured(found, start)
        self._doubted |= found is _Slice.DOUBTFUL
        if found is _Slice.BAD:
            self._missed = True
            self._end_stretch(start)
            self._hurt_until(self._next_ns)
            self.candidate_ns = self._next_ns
        elif found is not _Slice.GOOD and start == self.candidate_ns:
            if found is _Slice.DOUBTFUL:
                self._end_stretch(start)
                self._hurt_until(self._next_ns)
            self.candidate_ns = self._next_ns
        elif (self._next_ns - self.candidate_ns) // self._width_ns >= self._needed:
            self._weigh()

    def _note_unmeasured(self, found: _Slice, start_ns: int) -> None:
        """Whether too little was measured lately to say anything, and since when."""
        if found is _Slice.UNKNOWN and self._unknown_ns is None:
            self._unknown_ns = start_ns
        if found is _Slice.BAD or (window_ns := self._blind_for()) is None:
            self._blind_ns = None
        elif self._blind_ns is None:
            count = -(-window_ns // self._width_ns)
            latest = list(self._latest)[-count:]
            lost = latest.index(_Slice.UNKNOWN) if _Slice.UNKNOWN in latest else 0
            self._blind_ns = self._next_ns - (len(latest) - lost) * self._width_ns

    def _blind_for(self) -> int | None:
        """In how long a window before the present slice ended too little was measured for a stretch to hold; None: enough was."""
        for objective, series in self._watched:
            window_ns = max(self._needed * self._width_ns, self._patience_ns(series))
            begin_ns, end_ns = self._next_ns - window_ns, self._next_ns
            if begin_ns < self._begun_ns or series.read_share(begin_ns, end_ns):
                continue
            if self._one(objective, series, begin_ns, end_ns) is _Slice.UNKNOWN:
                return window_ns
        return None

    def _patience_ns(self, series: Series) -> int:
        """For how long an indicator may be missing: half a reading more than a verdict bears, so that no jitter decides."""
        return max(round(self.stable_s * 1e9), round(series.patience_ns + series.step_s * 5e8))

    def _hurt_until(self, at_ns: int) -> None:
        self._hurt_ns, self._unknown_ns = at_ns, None

    def _weigh(self) -> None:
        """Whether the stretch holds, now that it is long enough: by the objectives at first, and then until they are missed."""
        begin = self._next_ns - self._needed * self._width_ns
        found = self._look(begin, self._next_ns)
        if self._held:
            if found is not _Slice.BAD and self._blind_ns is None:
                return
            if found is _Slice.BAD:
                self._missed = True
                self._end_stretch(begin)
            self._held = False
        elif found is _Slice.GOOD and self._begins_well():
            self._held = True
            return
        elif found in (_Slice.BAD, _Slice.DOUBTFUL):
            self._missed = True
            self._outage_ns = begin if self._outage_ns is None else self._outage_ns
        if found not in (_Slice.UNKNOWN, _Slice.FEW, None):
            self._hurt_until(begin + self._width_ns)
        behind = list(self._latest)
        self.candidate_ns = begin + self._width_ns
        while self.candidate_ns < self._next_ns and behind[self._number(self.candidate_ns)] is not _Slice.GOOD:
            self.candidate_ns += self._width_ns

    def _number(self, at_ns: int) -> int:
        """Of a slice among the latest."""
        return len(self._latest) - (self._next_ns - at_ns) // self._width_ns

    def _begins_well(self) -> bool:
        return self._look(self.candidate_ns, self.candidate_ns + self._beginning * self._width_ns) is _Slice.GOOD

    @property
    def _beginning(self) -> int:
        """How many slices the last outage could have hidden in, at its own rate of bad requests: 3 = -ln 0.05 of them."""
        if self._outage_ns is None or self._outage_ns >= self.candidate_ns:
            return 1
        tallies = [(self._tally(o, s, self._outage_ns, self.candidate_ns), s) for o, s in self._watched]
        a_second = max(t.ratio * s.rate for t, s in tallies)
        hidden_s = 3 / a_second if a_second else 0.0
        return min(self._needed, max(1, math.ceil(hidden_s / self.slice_s - 1e-9)))

    def _end_stretch(self, end_ns: int) -> None:
        """Users are hurt from `end_ns` on, wherever a stretch has led up to it."""
        if end_ns - self.candidate_ns >= max(PAUSE_S * 1e9, max(2, self._beginning) * self._width_ns):
            self._pauses.append((self.candidate_ns, end_ns))
        if self._held or self._outage_ns is None:
            self._outage_ns = end_ns
        self._held = False

    def _look(self, start_ns: int, end_ns: int) -> _Slice | None:
        """None while undecided requests may still turn it."""
        answers = [self._one(o, s, start_ns, end_ns) for o, s in self._watched]
        if _Slice.BAD in answers:
            return _Slice.BAD
        if None in answers:
            return None
        return next((a for a in (_Slice.DOUBTFUL, _Slice.UNKNOWN, _Slice.FEW) if a in answers), _Slice.GOOD)

    def _tally(self, objective: Objective, series: Series, start_ns: int, end_ns: int) -> Tally:
        return series.tally(objective.criterion, start_ns, end_ns)

    def _one(self, objective: Objective, series: Series, start_ns: int, end_ns: int) -> _Slice | None:
        tally, due = self._tally(objective, series, start_ns, end_ns), series.rate * (end_ns - start_ns) / 1e9
        most = max(tally.scheduled, due) if tally.undecided else tally.scheduled
        if tally.counted > objective.budget * most:
            certain = interval.side(tally.counted, most, objective.budget, CERTAIN) > 0
            return _Slice.BAD if certain else None if tally.undecided else _Slice.DOUBTFUL
        if tally.undecided:
            return None
        if tally.decided >= max(1, 0.5 * math.floor(due + 1e-6)):
            return _Slice.GOOD
        return _Slice.FEW if series.read_share(start_ns, end_ns) >= 0.5 else _Slice.UNKNOWN
