"""`connection_errors`: connections to an indicator's service fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from runner.slo import onset
from runner.slo.guard import Bound, Evaluator, Guard, Observed, Reading, Unit
from runner.slo.objective import UNCONNECTED


@dataclass(frozen=True)
class ConnectionErrors(Guard):
    """Abort on connection errors: more than `allowed` in the whole run (0: on any)."""

    key = "connection_errors"
    unit = Unit.COUNT
    users_hurt = True

    indicator: str
    allowed: Annotated[int, Bound(least=0)] = 0

    @property
    def sentence(self) -> str:
        if not self.allowed:
            return f"{self.indicator}: any connection error"
        return f"{self.indicator}: more than {self.allowed:,} connection errors"

    def evaluator(self, seen: Observed) -> Evaluator:
        series, allowed = seen.series[self.indicator], self.allowed
        series.watch(UNCONNECTED)

        def evaluate(now_ns: int) -> Reading:
            tally = series.tally(UNCONNECTED, seen.started_ns)
            measured = f"{tally.counted:,} in {tally.decided:,} requests"
            used = tally.counted / (allowed + 1)
            if tally.counted <= allowed:
                return Reading(tally.counted, allowed, used, measured)
            return Reading(
                tally.counted, allowed, used, measured, *onset.found(series, UNCONNECTED, seen.started_ns, 0)
            )

        return evaluate
