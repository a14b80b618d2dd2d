"""Windowed: decides whether too many of a sliding window's requests count; what most guards are made of."""

from __future__ import annotations

from runner import units
from runner.slo import onset
from runner.slo.guard import Reading
from runner.slo.objective import Criterion
from runner.slo.series import Counted, Tally

MIN_EVENTS = 10
"""Bad requests that a window must hold at its limit to mean anything (docs/measurement.md 1.2)."""


def shortest_s(ratio: float, rate: float) -> float:
    """Seconds in which `rate` a second holds enough bad requests at that ratio: below it a window means nothing."""
    return MIN_EVENTS / (rate * ratio)


class Windowed:
    """Evaluator: more than `limit` of the requests of the last `over_s` seconds count, or of as many more as hold ten bad ones.

    Decisive counts decide before the window is full: the rest is taken as good.
    """

    def __init__(
        self,
        series: Counted,
        criterion: Criterion,
        limit: float,
        over_s: float,
        started_ns: int,
        counting: str,
        note: str = "",
    ) -> None:
        """`counting` says what becomes of those that count (`bad`), `note` what else belongs to the numbers."""
        self._series, self._criterion, self._started_ns = series, criterion, started_ns
        self._limit, self._over_s = limit, over_s
        self._counting, self._note = counting, note
        series.watch(criterion)

    def __call__(self, now_ns: int) -> Reading:
        series, limit = self._series, self._limit
        needed_s = shortest_s(limit, series.rate) if limit > 0 else 0.0
        window_s = max(2 * series.step_s, self._over_s, needed_s)
        now_ns = max(self._started_ns, now_ns - series.lag_ns(now_ns))
        start_ns = max(self._started_ns, now_ns - round(window_s * 1e9))
        tally = series.tally(self._criterion, start_ns)
        missing = max(0.0, window_s - (now_ns - start_ns) / 1e9) * series.rate
        allowed = limit * (tally.scheduled + missing)
        value = tally.ratio if tally.decided else None
        covered_s = (now_ns - start_ns) / 1e9
        if tally.counted <= allowed:
            used = tally.counted / allowed if allowed else 0.0
            return Reading(value, limit, used, self._measured(tally, window_s, covered_s))
        measured = self._measured(tally, window_s, covered_s, enough=True)
        return Reading(value, limit, 1.0, measured, *onset.found(series, self._criterion, start_ns, limit))

    def _measured(self, tally: Tally, window_s: float, covered_s: float, *, enough: bool = False) -> str:
        if not tally.decided:
            return f"no {self._series.what} are known yet"
        share = f"{units.format_ratio(tally.ratio)} {self._counting} ({tally.counted:,}/{tally.decided:,})"
        window = units.format_duration(window_s)
        if covered_s >= window_s - 0.1:
            return f"{share} in {window}{self._note}"
        tail = f", enough for the whole {window}" if enough else ""
        return f"{share} in the first {units.format_duration(max(0.0, covered_s))}{tail}{self._note}"
