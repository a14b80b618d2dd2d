"""Checked: an indicator that a ready check gives: each reading is one event, good or bad, with the sentence that says why."""

from __future__ import annotations

from collections.abc import Iterable

from runner.slo.counts import Counts, Point


class Checked(Counts):
    """Mutable. A reading that could not be made is no event: it is missing, and what is missing is never good."""

    last_word = "it was last read"

    def __init__(self, name: str, every_s: float) -> None:
        super().__init__(name, every_s)
        self.said = ""
        """Of the newest reading."""
        self.bad_since_ns: int | None = None
        """When the first of the newest readings was made that are all bad (monotonic); None where the newest is good."""

    def count(self, points: Iterable[Point]) -> None:
        for point in points:
            super().count([point])
            if not point.bad:
                self.bad_since_ns = None
            elif self.bad_since_ns is None:
                self.bad_since_ns = point.at_ns
