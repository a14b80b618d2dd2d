"""Skew: how far a remote clock is from ours, from nothing but its `Date` headers.

A header is cut to whole seconds, so one answer says only that the skew lies in an interval a little longer than a second.
Answers at different fractions of a second narrow it down: the true skew lies in all of their intervals.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Skew:
    """`remote clock - our clock` in seconds, between `low` and `high`."""

    low: float = float("-inf")
    high: float = float("inf")

    def hear(self, date_s: float, sent_s: float, received_s: float) -> None:
        """One answer with a Date of `date_s`, asked and received at these moments of our clock (Unix seconds)."""
        low, high = date_s - received_s, date_s + 1.0 - sent_s
        if low > self.high or high < self.low:  # one of the clocks was set meanwhile: what was known is void
            self.low, self.high = low, high
        self.low, self.high = max(self.low, low), min(self.high, high)

    @property
    def seconds(self) -> float:
        """The best guess: none where none can be told from zero."""
        if self.low <= 0.0 <= self.high:
            return 0.0
        return (self.low + self.high) / 2

    @property
    def error_s(self) -> float:
        """How wrong the guess can be; a second where nothing was heard."""
        if self.high == float("inf"):
            return 1.0
        return max(self.high - self.seconds, self.seconds - self.low)
