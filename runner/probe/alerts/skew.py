"""Skew: how far a remote clock is from ours, from what its answers say.

A `Date` header is cut to whole seconds, so one answer says only that the skew lies in an interval a little longer than a second.
Answers at different fractions of a second narrow it down: the true skew lies in all of their intervals. So does a moment that
an answer names and that must lie between two looks of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

TOLERANCE_S = 1.0
"""Two ways to tell a clock that differ by less than this do not contradict each other."""


@dataclass(slots=True)
class ClockSkew:
    """`remote clock - our clock` in seconds, between `low` and `high`."""

    low: float = float("-inf")
    high: float = float("inf")

    def hear(self, date_s: float, sent_s: float, received_s: float) -> None:
        """One answer with a Date of `date_s`, asked and received at these moments of our clock (Unix seconds)."""
        self.narrow(date_s - received_s, date_s + 1.0 - sent_s)

    def narrow(self, low: float, high: float) -> None:
        """It lies between these, too."""
        if low > self.high or high < self.low:  # one of the clocks was set meanwhile: what was known is void
            self.low, self.high = low, high
        self.low, self.high = max(self.low, low), min(self.high, high)

    @property
    def known(self) -> bool:
        """Whether anything was heard."""
        return self.high != float("inf")

    def contradicts(self, other: ClockSkew) -> bool:
        """Whether no skew lies within both, nor nearly: replicas behind one address are not evaluated at the same moment."""
        apart_s = max(self.low - other.high, other.low - self.high)
        return self.known and other.known and apart_s > TOLERANCE_S

    @property
    def seconds(self) -> float:
        """The best guess: none where none can be told from zero."""
        if self.low <= 0.0 <= self.high:
            return 0.0
        return (self.low + self.high) / 2

    @property
    def error_s(self) -> float:
        """How wrong the guess can be; a second where nothing was heard."""
        return self.error_of(self.seconds) if self.known else 1.0

    def error_of(self, seconds: float) -> float:
        """How wrong another guess can be."""
        return max(self.high - seconds, seconds - self.low)
