"""Guard: decides on each tick whether the run has to stop, and says how far from it each rule is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from runner import units
from runner.slo import betting, budget, onset, rules, timeslices
from runner.slo.objective import FAILED, TIMED_OUT, UNCONNECTED, Criterion, Objective, unanswered_within
from runner.slo.rules import MIN_EVENTS, Rule
from runner.slo.series import Counted, Series, Tally

HEARTBEAT_S = 1.0


@dataclass(frozen=True, slots=True)
class Breach:
    """Why the run has to stop, since when (monotonic ns) it is so, and how far off that may be, in seconds."""

    rule: Rule
    kind: str
    sentence: str
    since_ns: int
    error_s: float = 0.05


@dataclass(frozen=True, slots=True)
class GuardState:
    """How one rule stands: `headroom` is 1 when nothing points at it and 0 when it stops the run."""

    name: str
    value: float | None
    """In the rule's own unit: a ratio, seconds, a count, or odds; None without data."""
    limit: float
    headroom: float
    sentence: str


@dataclass(frozen=True, slots=True)
class _Reading:
    state: GuardState
    since_ns: int | None = None
    """Set when the rule is breached."""
    error_s: float = 0.05


class Guard:
    """Mutable, alive for one run. Hard rules hold at any moment; the evidence test is sure at most `alpha` of the time wrongly.

    Its alpha is shared out over the evidence rules.
    """

    def __init__(
        self,
        given: Iterable[Rule],
        series: Mapping[str, Series],
        objectives: Iterable[Objective],
        started_ns: int,
    ) -> None:
        self._series = dict(series)
        self._objectives = {o.name: o for o in objectives}
        self._started_ns = started_ns
        self._counted: dict[str, Counted] = {}
        self.rules = tuple(given)
        if self._series and not any(isinstance(r, rules.NoData) for r in self.rules):
            self.rules += (rules.NoData(),)
        for one in self._objectives.values():
            self._series[one.indicator].rely_on(one.criterion)
        shares = sum(isinstance(r, rules.Evidence) for r in self.rules)
        self._read = [(rule, self._reader(rule, shares)) for rule in self.rules]

    def tick(self, now_ns: int, heartbeat_ns: int | None = None) -> Breach | None:
        """The first rule that is breached; a heartbeat of the prober older than a second is a breach of its own."""
        if heartbeat_ns is not None and now_ns - heartbeat_ns > HEARTBEAT_S * 1e9:
            age = units.format_duration((now_ns - heartbeat_ns) / 1e9)
            silent = f"the prober has been silent for {age}: nothing is being measured"
            return Breach(rules.NoData(HEARTBEAT_S), "prober", silent, heartbeat_ns)
        for rule, read in self._read:
            reading = read(now_ns)
            if reading.since_ns is not None:
                return Breach(rule, rule.kind, reading.state.sentence, reading.since_ns, reading.error_s)
        return None

    def states(self, now_ns: int | None = None) -> list[GuardState]:
        """Every rule as it stands, in the file's order."""
        now = max((s.now_ns for s in self._series.values()), default=self._started_ns) if now_ns is None else now_ns
        return [read(now).state for _, read in self._read]

    def _reader(self, rule: Rule, shares: int) -> Callable[[int], _Reading]:
        match rule:
            case rules.ErrorRatio():
                return _Ratio(self, rule.name, self._of(rule.indicator), FAILED, rule.above, rule.over_s, "failed")
            case rules.TimeoutRatio():
                return _Ratio(
                    self, rule.name, self._of(rule.indicator), TIMED_OUT, rule.above, rule.over_s, "timed out"
                )
            case rules.LatencyPercentile():
                words = f"took longer than {units.format_duration(rule.above_s)}"
                slow = unanswered_within(rule.above_s)
                return _Ratio(self, rule.name, self._of(rule.indicator), slow, rule.allowed, rule.over_s, words)
            case rules.ConnectionErrors():
                return _Connections(rule, self._of(rule.indicator), self._started_ns)
            case rules.BudgetSpent():
                objective = self._promised(rule.objective)
                return _Spending(rule, objective, self.series_of(objective), self._started_ns)
            case rules.BurnRate():
                return _Burn(self, rule, self._promised(rule.objective))
            case rules.Evidence():
                objective = self._promised(rule.objective)
                evidence = betting.Evidence(objective, self.series_of(objective), self._started_ns, rule.burn)
                return _Bettor(rule, evidence, math.log(shares / rule.alpha))
            case rules.NoData():
                return _Silence(rule, tuple(self._series.values()), self._started_ns)
            case rules.Duration():
                return _Length(rule, self._started_ns)

    def _of(self, indicator: str) -> Series:
        return self._series[indicator]

    def series_of(self, objective: Objective) -> Counted:
        """What an objective counts."""
        if objective.name not in self._counted:
            found = timeslices.seen(objective, self._series[objective.indicator], self._started_ns)
            self._counted[objective.name] = found
        return self._counted[objective.name]

    def _promised(self, objective: str) -> Objective:
        return self._objectives[objective]

    @property
    def started_ns(self) -> int:
        """When it came on duty; what was before does not count."""
        return self._started_ns


def _state(name: str, value: float | None, limit: float, used: float, sentence: str) -> GuardState:
    return GuardState(name, value, limit, min(1.0, max(0.0, 1 - used)), sentence)


def widened(over_s: float, above: float, rate: float) -> float:
    """The window in seconds that holds ten bad requests at the threshold: `over_s`, or longer (docs/measurement.md 1.2)."""
    return max(over_s, MIN_EVENTS / (rate * above)) if above > 0 else over_s


@dataclass(frozen=True)
class _Ratio:
    """Too many of a window's requests count. Decisive counts decide before the window is full: the rest is taken as good."""

    guard: Guard
    name: str
    series: Counted
    criterion: Criterion
    above: float
    over_s: float
    words: str

    def __post_init__(self) -> None:
        self.series.watch(self.criterion)

    def __call__(self, now_ns: int) -> _Reading:
        series = self.series
        window_s = max(2 * series.step_s, widened(self.over_s, self.above, series.rate))
        now_ns = max(self.guard.started_ns, now_ns - series.lag_ns(now_ns))
        start_ns = max(self.guard.started_ns, now_ns - round(window_s * 1e9))
        tally = series.tally(self.criterion, start_ns)
        missing = max(0.0, window_s - (now_ns - start_ns) / 1e9) * series.rate
        allowed = self.above * (tally.scheduled + missing)
        breached = tally.counted > allowed
        state = _state(
            self.name,
            tally.ratio if tally.decided else None,
            self.above,
            1.0 if breached else tally.counted / allowed if allowed else 0.0,
            self._sentence(tally, window_s, (now_ns - start_ns) / 1e9, breached),
        )
        if not breached:
            return _Reading(state)
        return _Reading(state, *onset.found(series, self.criterion, start_ns, self.above))

    def _sentence(self, tally: Tally, window_s: float, covered_s: float, breached: bool) -> str:
        if not tally.decided:
            return f"{self.series.name}: no {self.series.what} are known yet"
        share = f"{units.format_ratio(tally.ratio)} {self.words} ({tally.counted:,}/{tally.decided:,})"
        limit, window = units.format_ratio(self.above), units.format_duration(window_s)
        if covered_s < window_s - 0.1:
            covered = units.format_duration(max(0.0, covered_s))
            tail = f"already more than {limit} of {window}" if breached else f"allowed is {limit} of {window}"
            return f"{self.series.name}: {share} in {covered}, {tail}"
        return f"{self.series.name}: {share} in {window}, {'more than' if breached else 'allowed is'} {limit}"


class _Burn:
    """Both windows of a burn-rate pair, each wide enough to mean something; how far it is, is how far the one behind is."""

    def __init__(self, guard: Guard, rule: rules.BurnRate, objective: Objective) -> None:
        ratio = min(
            0.9, rule.above * objective.budget
        )  # a budget too large for it: an outage has to stop the run still
        series = guard.series_of(objective)
        what = "" if objective.slice_target is None else f"of {series.what} "
        words = f"{what}bad, {ratio / objective.budget:.3g}x its budget is the limit"
        self._windows = [
            _Ratio(guard, rule.name, series, objective.criterion, ratio, over_s, words)
            for over_s in (rule.long_s, rule.short_s)
        ]

    def __call__(self, now_ns: int) -> _Reading:
        long, short = (window(now_ns) for window in self._windows)
        behind = long if long.state.headroom > short.state.headroom else short
        if short.since_ns is None:
            return _Reading(behind.state)
        return _Reading(behind.state, long.since_ns, long.error_s)


@dataclass(frozen=True)
class _Connections:
    rule: rules.ConnectionErrors
    series: Series
    started_ns: int

    def __post_init__(self) -> None:
        self.series.watch(UNCONNECTED)

    def __call__(self, now_ns: int) -> _Reading:
        tally = self.series.tally(UNCONNECTED, self.started_ns)
        count, allowed = tally.counted, self.rule.allowed
        sentence = (
            f"{self.series.name}: {count:,} connection errors in {tally.decided:,} requests, allowed are {allowed:,}"
        )
        state = _state(self.rule.name, count, allowed, count / (allowed + 1), sentence)
        return (
            _Reading(state, *onset.found(self.series, UNCONNECTED, self.started_ns, 0))
            if count > allowed
            else _Reading(state)
        )


@dataclass(frozen=True)
class _Spending:
    rule: rules.BudgetSpent
    objective: Objective
    series: Counted
    started_ns: int

    def __post_init__(self) -> None:
        self.series.watch(self.objective.criterion)

    def __call__(self, now_ns: int) -> _Reading:
        tally = self.series.tally(self.objective.criterion, self.started_ns)
        spent = budget.spend(self.objective, tally.counted, self.series.rate)
        limit = units.format_ratio(self.rule.spend)
        sentence = (
            f"{self.objective.name}: {spent.sentence} ({tally.counted:,}/{tally.decided:,} bad), allowed is {limit}"
        )
        used = spent.share / self.rule.spend if self.rule.spend else float(tally.counted)
        state = _state(self.rule.name, spent.share, self.rule.spend, used, sentence)
        if spent.share <= self.rule.spend:
            return _Reading(state)
        allowed = self.objective.budget
        return _Reading(state, *onset.found(self.series, self.objective.criterion, self.started_ns, allowed))


@dataclass(frozen=True)
class _Bettor:
    rule: rules.Evidence
    evidence: betting.Evidence
    log_limit: float

    def __call__(self, now_ns: int) -> _Reading:
        found = self.evidence.log_evidence()
        allowed = units.format_ratio(self.evidence.null)
        healthy = f"at most {units.format_ratio(self.rule.alpha)} of healthy runs whose slices are independent are stopped like this"
        name = self.evidence.objective.name
        if found < self.log_limit:
            seen = f"evidence {betting.odds(found)}" if found > 0 else "no evidence"
            sentence = f"{name}: {seen} against <= {allowed} bad, stops at {betting.odds(self.log_limit)}"
            return _Reading(
                _state(self.rule.name, math.exp(found), math.exp(self.log_limit), found / self.log_limit, sentence)
            )
        sentence = f"{name}: evidence {betting.odds(found)} against <= {allowed} bad; {healthy}"
        value = math.exp(min(found, 600.0))
        state = _state(self.rule.name, value, math.exp(self.log_limit), 1.0, sentence)
        return _Reading(state, *self.evidence.onset())


@dataclass(frozen=True)
class _Silence:
    rule: rules.NoData
    series: tuple[Series, ...]
    started_ns: int

    def __call__(self, now_ns: int) -> _Reading:
        worst = min(self.series, key=lambda s: self._last(s) + self._limit(s))
        age, limit = (now_ns - self._last(worst)) / 1e9, self._limit(worst) / 1e9
        ages = f"{units.format_duration(max(0.0, age))} ago, allowed are {units.format_duration(limit)}"
        last = worst.last_word if worst.last_done_ns is not None else "it has never measured anything; it began"
        why = f"; {worst.trouble}" if worst.trouble else ""
        state = _state(self.rule.name, age, limit, age / limit, f"{worst.name}: {last} {ages}{why}")
        return _Reading(state, self._last(worst) if age > limit else None)

    def _last(self, series: Series) -> int:
        return max(self.started_ns, series.last_done_ns or 0)

    def _limit(self, series: Series) -> int:
        return round(max(series.silence_s, self.rule.after_s) * 1e9)


@dataclass(frozen=True)
class _Length:
    rule: rules.Duration
    started_ns: int

    def __call__(self, now_ns: int) -> _Reading:
        age = (now_ns - self.started_ns) / 1e9
        sentence = f"the run has gone on for {units.format_duration(max(0.0, age))}, allowed are {units.format_duration(self.rule.after_s)}"
        state = _state(self.rule.name, age, self.rule.after_s, age / self.rule.after_s, sentence)
        return _Reading(state, self.started_ns + round(self.rule.after_s * 1e9) if age > self.rule.after_s else None)
