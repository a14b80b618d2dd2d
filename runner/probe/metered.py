"""Metered: one indicator of a source: asks for it, and makes of the answers the events since it asked before."""

from __future__ import annotations

import itertools
import operator
import statistics
from dataclasses import dataclass, field

from runner.checks.check import NoData
from runner.experiment import promql
from runner.experiment.metric import Metric
from runner.probe.prometheus import Prometheus
from runner.slo.counter import Differences, Fresh, Gap, Readings, Whole

_GOOD = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}
_FIRST_S = 300.0
"""How far back the first look goes: to know how often the source itself reads."""
_KEPT = 1000
_MOST_SLICES = 10_000
_PATIENCE, _AT_LEAST_S = 3, 3.0
"""So many of its own readings, and so many seconds, may pass before the last one is stale."""


@dataclass
class Metered:
    """Mutable. A moment is the source's own unix time: of the scrape where readings can be had, else of the evaluation."""

    metric: Metric
    source: Prometheus
    interval_s: float
    offset_s: float = 0.0
    """The source's clock minus ours."""
    news_at: float = 0.0
    """The newest moment that anything is known of."""
    step_s: float = 0.0
    """Seconds between two of the source's own readings, as far as they can be had; at least our interval."""
    apart_s: float = 0.0
    """The same, however seldom we ask: so fine can be told when something happened."""
    _told: dict[float, tuple[int, int]] = field(default_factory=dict)
    _counts: dict[float, list[float]] = field(default_factory=dict)
    _differences: tuple[Differences, Differences] = field(default_factory=lambda: (Differences(), Differences()))
    _fresh: Fresh = field(default_factory=Fresh)
    _whole: tuple[Whole, Whole] = field(default_factory=lambda: (Whole(), Whole()))
    _asked_at: float | None = None
    _rate: float | None = None

    @property
    def nothing_bad_yet(self) -> bool:
        """Whether the query of the bad events has never had a series: none has happened, or it is misspelt."""
        return self.metric.form == "bad" and not self._differences[0].last and not promql.rated(self.metric.query)

    def gaps(self, *, over: bool = False) -> dict[float, Gap]:
        """Where counters began anew so far, by moment; once it is `over`, also where they were read no more."""
        found: dict[float, Gap] = {}
        for differences in self._differences:
            here = dict(differences.gaps)
            for gap in differences.ended(self.news_at, self.step_s) if over else ():
                before = here.get(gap.at, gap._replace(events=0.0))
                here[gap.at] = gap._replace(events=before.events + gap.events)
            for at, gap in here.items():  # the bad events are among all: they are not lost twice
                found[at] = max(gap, found.get(at, gap), key=lambda g: g.events)
        return found

    async def ask(self, now: float) -> list[tuple[float, int, int]]:
        """(moment, bad, total) of every event since the last answer; `now` is our unix time. Raises NoData."""
        at = now + self.offset_s
        back = _FIRST_S if self._asked_at is None else at - self._asked_at + 2 * self.step_s + 5
        before = self.news_at
        if self.metric.total:
            found = await self._of_two(at, back)
        else:
            found = await self._of_one(at, back)
        self._asked_at = at
        if self.news_at <= before and at - self.news_at > max(_PATIENCE * self.step_s, _AT_LEAST_S):
            raise NoData(f"stale: its newest reading is {at - self.news_at:.1f} s old")
        return found

    def _note(self, readings: Readings) -> None:
        """How far these readings go, how far they are apart, and at first what is usual."""
        self.news_at = max([self.news_at, *(s[-1][0] for s in readings.values() if s)])
        gaps = [b[0] - a[0] for samples in readings.values() for a, b in itertools.pairwise(samples)]
        self.step_s = max(self.interval_s, statistics.median(gaps) if gaps else self.step_s)
        self.apart_s = statistics.median(gaps) if gaps else self.apart_s or self.interval_s
        if self._asked_at is None:
            spans = [(s[-1][1] - s[0][1], s[-1][0] - s[0][0]) for s in readings.values() if len(s) > 1]
            self._rate = sum(grown / seconds for grown, seconds in spans if grown > 0) or None

    async def _of_two(self, at: float, back: float) -> list[tuple[float, int, int]]:
        """Asked in this order: what a scrape adds between the two questions can only make things look better, for one reading."""
        bad_form = self.metric.form == "bad"
        queries = (self.metric.query, self.metric.total)
        if promql.rated(queries[0]) or promql.rated(queries[1]):
            return await self._rated(at, back)
        counted = {}
        for side in (0, 1) if bad_form else (1, 0):
            counted[side] = await self._read(queries[side], at, back, may_miss=side == 0)
        if not counted[1]:
            raise NoData("the answer is empty: no series matches the total")
        moments = set()
        for side, differences in enumerate(self._differences):
            differences.begun = differences.begun or self._asked_at is not None
            differences.summed = promql.selector(queries[side]) is None
            for moment, events in differences.take(counted[side]).items():
                self._counts.setdefault(moment, [0.0, 0.0])[side] += events
                moments.add(moment)
        self._note(counted[1])
        return [self._news(moment, bad_form=bad_form) for moment in sorted(moments)]

    def _news(self, moment: float, *, bad_form: bool) -> tuple[float, int, int]:
        """What is new to say about one moment: its two counts may arrive one after the other."""
        part, total = self._counts[moment]
        whole = max(total, part) if bad_form else total
        bad = part if bad_form else max(0.0, total - part)
        state = (round(bad), round(whole))
        told = self._told.get(moment, (0, 0))
        self._told[moment] = state
        while len(self._counts) > _KEPT:
            oldest = next(iter(self._counts))
            self._counts.pop(oldest)
            self._told.pop(oldest, None)
        return moment, state[0] - told[0], state[1] - told[1]

    async def _read(self, query: str, at: float, back: float, *, may_miss: bool) -> Readings:
        """A counter's readings. The good or bad ones may have no series yet: nothing of the kind has ever happened."""
        if plain := promql.selector(query):
            return await self.source.readings(plain, at, back)
        try:
            return await self.source.values(query, at)
        except NoData as problem:
            if may_miss and "empty" in str(problem):
                return {}
            raise

    async def _rated(self, at: float, back: float) -> list[tuple[float, int, int]]:
        """`rate` and its like, as they are: events a second, or events over its own range, for the time since we asked."""
        bad_form, totals = self.metric.form == "bad", []
        for query in (self.metric.query, self.metric.total):
            try:
                totals.append(await self._events(query, at, back))
            except NoData as problem:
                if not (bad_form and query is self.metric.query and "empty" in str(problem)):
                    raise
                totals.append(0.0)
        self.news_at, self.step_s = at, self.interval_s
        if self._asked_at is None:
            return []
        part, total = totals
        return [self._rounded(at, part if bad_form else max(0.0, total - part), total)]

    async def _events(self, query: str, at: float, back: float) -> float:
        value = sum(samples[-1][1] for samples in (await self.source.values(query, at)).values())
        seconds = at - self._asked_at if self._asked_at is not None else back
        per_second = promql.rated(query) in ("rate", "irate")
        return value * seconds / (1.0 if per_second else promql.over_s(query) or seconds)

    async def _of_one(self, at: float, back: float) -> list[tuple[float, int, int]]:
        """Gauges and ratios: each reading is one event."""
        if plain := promql.selector(self.metric.query):
            readings = await self.source.readings(plain, at, back)
            if not readings:
                raise NoData("the answer is empty: no series matches")
        else:
            readings = await self.source.values(self.metric.query, at)
        self._note(readings)
        return [self._judged(moment, value) for moment, value in self._fresh.take(readings)]

    def _judged(self, moment: float, value: float) -> tuple[float, int, int]:
        if self.metric.form == "threshold":
            return moment, int(not _GOOD[self.metric.op](value, self.metric.value)), 1
        if not 0 <= value <= 1:
            raise NoData(f"a ratio lies between 0 and 1, the answer is {value:g}")
        return self._rounded(moment, value if self.metric.form == "failure" else 1 - value, 1.0)

    def _rounded(self, moment: float, bad: float, total: float) -> tuple[float, int, int]:
        return moment, self._whole[0].take(min(bad, total)), self._whole[1].take(total)

    async def bad_share(self, window_s: float, now: float) -> float:
        """The bad share of the last `window_s` seconds, as far as the source remembers. Raises NoData."""
        at, m = now + self.offset_s, self.metric
        window = f"{max(60, round(window_s))}s"
        if not m.total:
            asked = f"({m.query}) {_SIGNS[m.op]} bool {m.value!r}" if m.form == "threshold" else f"({m.query})"
            share = await self._mean(f"avg(avg_over_time(({asked})[RANGE]))", window, at)
            return share if m.form == "failure" else 1 - share
        total = await self._grown(m.total, window, at)
        part = await self._grown(m.query, window, at, missing=0.0)
        if total <= 0:
            raise NoData("there were no events at all")
        return min(1.0, max(0.0, part / total if m.form == "bad" else 1 - part / total))

    async def bad_slices(self, window_s: float, now: float, slice_s: float, slice_target: float | None) -> float:
        """The share of bad slices in the last `window_s` seconds; without a target the mean of their bad shares. Raises NoData.

        A slice without any event is left out, and one without a series of bad events has none. Of very many slices some are
        looked at, evenly spread, or the source would not be done in time.
        """
        step_s = max(slice_s, window_s / _MOST_SLICES)
        bad, length = self._of_a_slice(slice_s), f"{round(step_s * 1000)}ms"
        asked = bad if slice_target is None else f"({bad}) > bool {round(1 - slice_target, 12)!r}"
        window = f"{max(60, round(window_s))}s"
        return await self.source.number(f"avg_over_time(({asked})[{window}:{length}])", now + self.offset_s)

    def _of_a_slice(self, slice_s: float) -> str:
        """The bad share of the last `slice_s` seconds, in PromQL."""
        m, span = self.metric, f"{round(slice_s * 1000)}ms"
        step = f"{max(250, round(slice_s * 100))}ms"
        if not m.total:
            asked = f"({m.query}) {_SIGNS[m.op]} bool {m.value!r}" if m.form == "threshold" else m.query
            share = f"avg(avg_over_time(({asked})[{span}:{step}]))"
            return share if m.form == "failure" else f"1 - {share}"
        part, total = (_grown_in(query, span, step) for query in (m.query, m.total))
        share = f"({part} or vector(0)) / ({total} > 0)"
        return share if m.form == "bad" else f"1 - {share}"

    async def usual_rate(self, now: float) -> float | None:
        """Events a second over the last five minutes; None where it cannot be told."""
        at, m = now + self.offset_s, self.metric
        if not m.total:
            return 1 / self.step_s
        if self._rate is not None:
            return self._rate
        function = promql.rated(m.total)
        asked = f"sum({m.total})" if function else f"sum(rate(({m.total})[5m:]))"
        try:
            found = await self.source.number(asked, at)
        except NoData:
            return None
        per_second = function in (None, "rate", "irate")
        return found / (1.0 if per_second else promql.over_s(m.total) or 1.0) or None

    async def _mean(self, asked: str, window: str, at: float) -> float:
        """Over the window in steps of five minutes, or in finer ones over what little there is yet."""
        try:
            return await self.source.number(asked.replace("RANGE", f"{window}:5m"), at)
        except NoData:
            return await self.source.number(asked.replace("RANGE", "5m:1s"), at)

    async def _grown(self, query: str, window: str, at: float, missing: float | None = None) -> float:
        """How much a query's counters grew in the window, or for rates its mean: only the quotient of two of them is used."""
        plain = promql.selector(query)
        asked = f"sum(increase({plain}[{window}]))" if plain else f"sum(increase(({query})[{window}:1m]))"
        try:
            if promql.rated(query):
                return await self._mean(f"sum(avg_over_time(({query})[RANGE]))", window, at)
            return await self.source.number(asked, at)
        except NoData as problem:
            if missing is not None and "empty" in str(problem):
                return missing
            raise


def _grown_in(query: str, span: str, step: str) -> str:
    """How much a query's counters grow in a span, or what its rates are: only the quotient of two is used."""
    if promql.rated(query):
        return f"sum({query})"
    plain = promql.selector(query)
    return f"sum(increase({plain}[{span}]))" if plain else f"sum(increase(({query})[{span}:{step}]))"


_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
