"""Rules: when a run has to stop, one dataclass a condition of the experiment file's `abort` list."""

from __future__ import annotations

from dataclasses import dataclass

from runner import units

MIN_EVENTS = 10
"""Bad requests that a window must hold at its threshold to mean anything (docs/measurement.md 1.2)."""


@dataclass(frozen=True, slots=True)
class ErrorRatio:
    """More than `above` of the indicator's requests failed within `over_s` seconds."""

    indicator: str
    above: float
    over_s: float = 10.0
    kind = "error_ratio"

    @property
    def name(self) -> str:
        return (
            f"{self.indicator}: errors above {units.format_ratio(self.above)} over {units.format_duration(self.over_s)}"
        )


@dataclass(frozen=True, slots=True)
class TimeoutRatio:
    """More than `above` of the indicator's requests timed out within `over_s` seconds."""

    indicator: str
    above: float
    over_s: float = 10.0
    kind = "timeout_ratio"

    @property
    def name(self) -> str:
        return f"{self.indicator}: timeouts above {units.format_ratio(self.above)} over {units.format_duration(self.over_s)}"


@dataclass(frozen=True, slots=True)
class LatencyPercentile:
    """The percentile (0 to 100) of latency over `over_s` seconds is above `above_s` seconds."""

    indicator: str
    percentile: float
    above_s: float
    over_s: float = 10.0
    kind = "latency"

    @property
    def allowed(self) -> float:
        """Ratio of requests that may be slower."""
        return round(1 - self.percentile / 100, 12)

    @property
    def name(self) -> str:
        limit, window = units.format_duration(self.above_s), units.format_duration(self.over_s)
        return f"{self.indicator}: p{self.percentile:g} above {limit} over {window}"


@dataclass(frozen=True, slots=True)
class ConnectionErrors:
    """More than `allowed` connection errors in the whole run."""

    indicator: str
    allowed: int = 0
    kind = "connection_errors"

    @property
    def name(self) -> str:
        return (
            f"{self.indicator}: more than {self.allowed} connection errors"
            if self.allowed
            else f"{self.indicator}: any connection error"
        )


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """The run has spent `spend` (0 to 1) of the objective's whole error budget."""

    objective: str
    spend: float
    kind = "budget"

    @property
    def name(self) -> str:
        return f"{self.objective}: {units.format_ratio(self.spend)} of the error budget"


@dataclass(frozen=True, slots=True)
class BurnRate:
    """The objective's burn rate is above `above` over a long and over a short window, in seconds, both at once."""

    objective: str
    above: float = 14.4
    long_s: float = 60.0
    short_s: float = 5.0
    kind = "burn_rate"

    @property
    def name(self) -> str:
        windows = units.format_duration(self.long_s)
        if self.short_s != self.long_s:
            windows += f" and {units.format_duration(self.short_s)}"
        return f"{self.objective}: burns its budget more than {self.above:g}x over {windows}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The slice-betting test is sure that more than budget x `burn` is bad.

    Stops at most `alpha` of healthy runs whose slices are independent.
    """

    objective: str
    alpha: float = 0.01
    burn: float = 1.0
    kind = "evidence"

    @property
    def name(self) -> str:
        return f"{self.objective}: evidence against the objective"


@dataclass(frozen=True, slots=True)
class NoData:
    """No request ended for `after_s` seconds, or for three slices where that is longer."""

    after_s: float = 10.0
    kind = "no_data"

    @property
    def name(self) -> str:
        return f"no data for {units.format_duration(self.after_s)}"


@dataclass(frozen=True, slots=True)
class Duration:
    """The run has gone on for `after_s` seconds."""

    after_s: float
    kind = "duration"

    @property
    def name(self) -> str:
        return f"longer than {units.format_duration(self.after_s)}"


Rule = (
    ErrorRatio
    | TimeoutRatio
    | LatencyPercentile
    | ConnectionErrors
    | BudgetSpent
    | BurnRate
    | Evidence
    | NoData
    | Duration
)
