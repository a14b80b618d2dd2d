"""Counter: from what a monitoring system's counters read to the events of each moment; resets and new series are handled here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Readings = Mapping[str, Sequence[tuple[float, float]]]
"""Series by their labels, each with (unix seconds, value) in order of time."""


@dataclass
class Differences:
    """Mutable: the events of one query, which may have many series, by the moment at which each was read.

    A value below the one before is a restart from zero: all of it is new. A series that was not there when we began was born
    since and counts from zero, or the first error of a process would be lost (measurement 4.3). One that is away for a while
    goes on from its last value.
    """

    last: dict[str, tuple[float, float]] = field(default_factory=dict)
    begun: bool = False
    resets: int = 0

    def take(self, readings: Readings) -> dict[float, float]:
        """Events by unix second of the reading that showed them; the first call only notes where the counters stand."""
        found: dict[float, float] = {}
        for labels, samples in readings.items():
            for at, value in samples:
                before = self.last.get(labels, (at - 1, 0.0 if self.begun else value))
                if at <= before[0]:
                    continue
                grown = value - before[1]
                if grown < 0:
                    self.resets += 1
                    grown = value
                if self.begun:
                    found[at] = found.get(at, 0.0) + grown
                self.last[labels] = (at, value)
        self.begun = self.begun or bool(readings)
        return found


@dataclass
class Fresh:
    """Mutable: readings of a gauge, each once: what was delivered already is no news."""

    last: dict[str, float] = field(default_factory=dict)
    begun: bool = False

    def take(self, readings: Readings) -> list[tuple[float, float]]:
        """(unix seconds, value) of every reading that is new; the first call only notes how far the readings go."""
        found = []
        for labels, samples in readings.items():
            news = [(at, value) for at, value in samples if at > self.last.get(labels, float("-inf"))]
            if news:
                self.last[labels] = news[-1][0]
                found += news
        begun, self.begun = self.begun, self.begun or bool(readings)
        return sorted(found) if begun else []


@dataclass
class Whole:
    """Mutable: turns fractions of events into whole ones, the rest carried on: off by less than one at any moment."""

    real: float = 0.0
    told: int = 0

    def take(self, events: float) -> int:
        """The whole events that are due now."""
        self.real += events
        due = round(self.real) - self.told
        self.told += due
        return due
