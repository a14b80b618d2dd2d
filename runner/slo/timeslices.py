"""Timeslices: objectives that count good stretches of time instead of good requests, as OpenSLO budgets them (docs/measurement.md 1.4).

Timeslices: a slice is good when `slice_target` of its requests are; judged is the share of good slices. RatioTimeslices: judged
is the mean of the slices' own ratios, each slice weighing the same. A slice of which nothing is known is neither good nor bad.
"""

from __future__ import annotations

from runner.slo.objective import Criterion, Objective
from runner.slo.series import Counted, Series, Tally
from runner.slo.slices import Slices

_SETTLE_NS = 100_000_000


def is_bad(objective: Objective, bad: float, total: float) -> bool:
    """Whether a slice with so many bad of `total` is below its target."""
    return bad > (1 - (objective.slice_target or 0.0)) * total + 1e-9


def weighed(objective: Objective, cut: Slices) -> Slices:
    """The slices of which anything is known, as what the verdict counts: each one event, or each the same number of requests.

    For the mean of ratios that number is the harmonic mean of the slices' requests: their effective size (Kish, Survey
    Sampling, 1965); where traffic is even it is the number of requests.
    """
    known = [(bad, total) for bad, total in zip(cut.bad, cut.scheduled, strict=True) if total]
    if objective.slice_target is not None:
        return Slices([int(is_bad(objective, *one)) for one in known], [1] * len(known), cut.slice_s)
    even = len(known) / sum(1 / total for _, total in known) if known else 0.0
    return Slices([bad / total * even for bad, total in known], [even] * len(known), cut.slice_s)


def seen(objective: Objective, series: Series, since_ns: int) -> Counted:
    """What an objective counts in a series: slices from `since_ns` on where it is about slices, else the requests themselves."""
    return series if objective.slice_target is None else Timesliced(objective, series, since_ns)


class Timesliced:
    """Mutable: answers what a series answers, with slices of one grid for requests.

    A slice counts once it is over, and as bad as soon as nothing that may still come could save it.
    """

    def __init__(self, objective: Objective, series: Series, since_ns: int) -> None:
        self._objective, self._series, self._since_ns = objective, series, since_ns
        self._width_ns = round((objective.slice_s or 0.0) * 1e9)
        self._sums = [Tally(0, 0, 0)]
        """Over the first n slices, as far as nothing about them can change any more."""
        series.watch(objective.criterion)

    @property
    def name(self) -> str:
        return self._series.name

    @property
    def what(self) -> str:
        return self._objective.counted_in(self._series.what)

    @property
    def rate(self) -> float:
        """Slices a second."""
        return 1e9 / self._width_ns

    @property
    def slice_s(self) -> float:
        return self._width_ns / 1e9

    @property
    def step_s(self) -> float:
        return self._series.step_s

    @property
    def now_ns(self) -> int:
        return self._series.now_ns

    def lag_ns(self, now_ns: int) -> int:
        """How far behind `now_ns` is what can be known."""
        return self._series.lag_ns(now_ns)

    def watch(self, criterion: Criterion) -> None:
        """It is the objective that says what counts."""

    def begin_ns(self, now_ns: int) -> int:
        """The first slice that is not older."""
        return self._since_ns + max(0, -(-(now_ns - self._since_ns) // self._width_ns)) * self._width_ns

    def tally(self, criterion: Criterion, start_ns: int, end_ns: int | None = None) -> Tally:
        """Count the whole slices from `start_ns` to before `end_ns` (None: all there is, the one that runs if it is bad)."""
        self._keep()
        last_ns = self.now_ns + self._width_ns if end_ns is None else end_ns
        first = (self.begin_ns(start_ns) - self._since_ns) // self._width_ns
        end = max(first, (last_ns - self._since_ns) // self._width_ns)
        low, high = (self._sums[min(n, len(self._sums) - 1)] for n in (first, end))
        rest = [self._slice(n) for n in range(max(first, len(self._sums) - 1), end)]
        return _added(Tally(high.counted - low.counted, high.scheduled - low.scheduled, 0), *rest)

    def first_ns(self, criterion: Criterion, start_ns: int, end_ns: int | None = None) -> int | None:
        """The first bad request of the first bad slice in the window."""
        start = self.begin_ns(start_ns)
        last_ns = self.now_ns + self._width_ns if end_ns is None else end_ns
        while start + self._width_ns <= last_ns:
            if self._slice((start - self._since_ns) // self._width_ns).counted:
                found = self._series.first_ns(self._objective.criterion, start, start + self._width_ns)
                return start if found is None else found
            start += self._width_ns
        return None

    def _keep(self) -> None:
        settled_ns = self.now_ns - _SETTLE_NS - round(2 * self.step_s * 1e9)
        while self._since_ns + len(self._sums) * self._width_ns <= settled_ns:
            found = self._slice(len(self._sums) - 1)
            if found.undecided:
                return
            self._sums.append(_added(self._sums[-1], found))

    def _slice(self, number: int) -> Tally:
        """One slice of the grid: nothing where nothing is known of it, or where it is not over and may still be good."""
        start_ns = self._since_ns + number * self._width_ns
        tally = self._series.tally(self._objective.criterion, start_ns, start_ns + self._width_ns)
        if is_bad(self._objective, tally.counted, max(tally.scheduled, self._series.rate * self.slice_s)):
            return Tally(1, 1, 0)
        if start_ns + self._width_ns + _SETTLE_NS > self.now_ns or not tally.scheduled:
            return Tally(0, 0, 0)
        bad = is_bad(self._objective, tally.counted, tally.scheduled)
        return Tally(int(bad), 1, int(not bad and tally.undecided > 0))


def _added(*parts: Tally) -> Tally:
    counted, scheduled, undecided = (sum(getattr(t, name) for t in parts) for name in Tally.__slots__)
    return Tally(counted, scheduled, undecided)
