"""The built-in burn-rate rule, which stands in for a team's own alerting and is labelled as such."""

from __future__ import annotations

import math
from dataclasses import dataclass

from runner import units
from runner.slo.objective import Objective
from runner.slo.series import Counted
from runner.slo.windowed import shortest_s


@dataclass(frozen=True, slots=True)
class Detection:
    """The rule fired at `at_ns`; `error_s` is how late that can be."""

    at_ns: int
    rule: str
    sentence: str
    error_s: float


@dataclass(frozen=True)
class BurnRule:
    """Fires when the objective's burn rate over the last `over_s` seconds is above `burn`.

    The window is widened to hold ten bad requests at its threshold (docs/measurement.md 1.2), and is counted whole: what lies before
    the first request is taken as good, so that a young window fires no sooner than an old one.
    """

    objective: Objective
    series: Counted
    burn: float = 14.4
    over_s: float = 60.0

    def __post_init__(self) -> None:
        self.series.watch(self.objective.criterion)

    @property
    def ratio(self) -> float:
        """Bad ratio at the threshold; a budget too large for the burn rate is capped so that an outage still fires."""
        return min(self.burn * self.objective.budget, 0.9)

    @property
    def window_s(self) -> float:
        """The window that is really used, in seconds."""
        return max(self.over_s, shortest_s(self.ratio, self.series.rate))

    @property
    def name(self) -> str:
        burn = self.ratio / self.objective.budget
        return f"{self.objective.name} burns its budget more than {burn:.3g}x over {units.format_duration(math.ceil(self.window_s))}"

    def tick(self, now_ns: int) -> Detection | None:
        """The detection, while the rule holds."""
        tally = self.series.tally(self.objective.criterion, now_ns - round(self.window_s * 1e9))
        whole = max(tally.scheduled, self.series.rate * self.window_s)
        if tally.counted <= self.ratio * whole:
            return None
        burn = tally.counted / whole / self.objective.budget
        sentence = f"{self.name}: {burn:.3g}x ({tally.counted:,} bad of {whole:,.0f} {self.series.what})"
        return Detection(now_ns, self.name, sentence, 0.05)
