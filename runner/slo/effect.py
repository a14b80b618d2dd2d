"""Effect: when an indicator left its own baseline, which is the moment the fault was felt."""

from __future__ import annotations

from dataclasses import dataclass

from runner import units
from runner.slo import interval, onset
from runner.slo.betting import Betting, odds
from runner.slo.objective import FAILED, Criterion, unanswered_within
from runner.slo.series import BUCKET_NS, Series

LOG_CERTAIN = 4.61  # 100:1, two questions an indicator
FELT_S = 0.05
"""A delay that nobody feels is no effect on users: a busy machine, ours too, makes as much by itself."""
_SETTLE_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class Effect:
    """The first sign of the final climb of the evidence against the baseline, and how far off that may be."""

    at_ns: int
    indicator: str
    how: str
    error_s: float


@dataclass
class _Question:
    """One criterion against what the baseline had of it."""

    criterion: Criterion
    null: float
    words: str
    start_ns: int
    quiet: bool
    """The baseline had none at all: the first one is the effect, to the bucket; else it may be any of the first slice."""

    def __post_init__(self) -> None:
        self.betting = Betting(self.null)
        self.next_ns = self.climb_ns = self.start_ns
        self.low = 0.0


class Watch:
    """Mutable: compares a series after `since_ns` with its baseline window, in failures and in slow answers.

    Failures: above the 95 % bound of the baseline's ratio. Slow: beyond the baseline's p99 and, by what a person can feel, beyond
    its median, more often than twice the bound of what the baseline had there. Slices hold 25 requests, at least 0.25 s.
    """

    def __init__(self, series: Series, baseline_ns: tuple[int, int], since_ns: int) -> None:
        self.series = series
        self._slice_ns = onset.slice_ns(series)
        start = -(-since_ns // BUCKET_NS) * BUCKET_NS
        self._questions = [self._failures(baseline_ns, start)]
        if (slow := self._slowness(baseline_ns, start)) is not None:
            self._questions.append(slow)

    def _failures(self, baseline_ns: tuple[int, int], start_ns: int) -> _Question:
        tally = self.series.tally(FAILED, *baseline_ns)
        upper = interval.clopper_pearson(tally.counted, tally.decided)[1]
        return _Question(FAILED, min(0.5, max(0.001, upper)), "failed", start_ns, not tally.counted)

    def _slowness(self, baseline_ns: tuple[int, int], start_ns: int) -> _Question | None:
        usual, middle = (self.series.percentile_s(p, *baseline_ns) for p in (99, 50))
        if usual is None or middle is None or usual >= self.series.timeout_s:
            return None
        usual = max(usual, min(middle + FELT_S, self.series.timeout_s))
        criterion = unanswered_within(usual)
        self.series.watch(criterion)
        tally = self.series.tally(criterion, *baseline_ns)
        upper = interval.clopper_pearson(tally.counted, tally.decided)[1]
        words = f"took longer than {units.format_duration(usual)}, which was rare in the baseline"
        return _Question(criterion, min(0.5, 2 * upper), words, start_ns, not tally.counted)

    def tick(self, now_ns: int) -> Effect | None:
        """The effect, once it is certain."""
        found = [effect for question in self._questions if (effect := self._ask(question, now_ns))]
        return min(found, key=lambda effect: effect.at_ns, default=None)

    def _ask(self, question: _Question, now_ns: int) -> Effect | None:
        pending: list[tuple[int, int]] = []
        start, now_ns = question.next_ns, now_ns - self.series.lag_ns(now_ns)
        while start + self._slice_ns + _SETTLE_NS <= now_ns:
            tally = self.series.tally(question.criterion, start, start + self._slice_ns)
            start += self._slice_ns
            if tally.undecided or pending:
                pending.append((tally.counted, tally.scheduled))
                continue
            question.betting.bet(tally.counted, tally.scheduled)
            question.next_ns = start
            if (evidence := question.betting.log_evidence()) <= question.low:
                question.low, question.climb_ns = evidence, start
        if (evidence := question.betting.log_evidence_with(pending)) < LOG_CERTAIN:
            return None
        return self._effect(question, evidence)

    def _effect(self, question: _Question, evidence: float) -> Effect:
        first = self.series.first_ns(question.criterion, question.climb_ns)
        at_ns = question.climb_ns if first is None else first
        tally = self.series.tally(question.criterion, at_ns)
        share = f"{units.format_ratio(tally.ratio)} ({tally.counted:,}/{tally.decided:,}) {question.words}"
        how = f"{self.series.name}: {share}; evidence {odds(evidence)} against <= {units.format_ratio(question.null)}"
        seen_ns = BUCKET_NS if question.quiet else self._slice_ns
        return Effect(at_ns, self.series.name, how, onset.error_s(self.series, question.criterion, at_ns, seen_ns))
