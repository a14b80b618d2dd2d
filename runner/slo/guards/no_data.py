"""`no_data`: nothing is measured any more, so nobody would see users hurt."""

from __future__ import annotations

from dataclasses import dataclass

from runner import units
from runner.slo.guard import Evaluator, Guard, Length, Observed, Reading, Unit
from runner.slo.series import Series


@dataclass(frozen=True)
class NoData(Guard):
    """Abort when nothing has been measured for this long, or for three slices of an indicator where that is longer; always on,
    this sets how long."""

    key = "no_data"
    unit = Unit.SECONDS
    users_hurt = False

    after_s: Length = 10.0

    @property
    def sentence(self) -> str:
        return f"no data for {units.format_duration(self.after_s)}"

    def evaluator(self, seen: Observed) -> Evaluator:
        watched = tuple(seen.series.values())

        def last_ns(series: Series) -> int:
            return max(seen.started_ns, series.last_done_ns or 0)

        def limit_ns(series: Series) -> int:
            return round(max(series.silence_s, self.after_s) * 1e9)

        def evaluate(now_ns: int) -> Reading:
            worst = min(watched, key=lambda s: last_ns(s) + limit_ns(s))
            age, limit = (now_ns - last_ns(worst)) / 1e9, limit_ns(worst) / 1e9
            ages = f"{units.format_duration(max(0.0, age))} ago, allowed are {units.format_duration(limit)}"
            last = worst.last_word if worst.last_done_ns is not None else "it has never measured anything; it began"
            why = f"; {worst.trouble}" if worst.trouble else ""
            measured = f"{worst.name}: {last} {ages}{why}"
            return Reading(age, limit, age / limit, measured, last_ns(worst) if age > limit else None)

        return evaluate
