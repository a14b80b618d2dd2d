"""Counter: from what a monitoring system's counters read to the events of each moment; restarts and new series are handled here."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Readings = Mapping[str, Sequence[tuple[float, float]]]
"""Series by their labels, each with (unix seconds, value) in order of time."""
_KEPT = 5000
"""Moments of one target at which something was read."""
_LATELY = 11
"""Readings that the rate of a series is known from."""


class Gap(NamedTuple):
    """Between two readings (unix seconds) a counter was lost, and with it what it had counted since the first of them."""

    since: float
    at: float
    events: float
    """About how many those are: the rate of the series before, times the seconds between."""


class _Life:
    """Mutable: one series since it began to count from zero, as far as its rate needs it."""

    def __init__(self, rate: float | None = None) -> None:
        self.readings: deque[tuple[float, float]] = deque(maxlen=_LATELY)
        self._before = rate

    @property
    def apart_s(self) -> float:
        """Seconds between two of its readings, 0 where there are not two."""
        return (self.readings[-1][0] - self.readings[0][0]) / max(1, len(self.readings) - 1)

    @property
    def rate(self) -> float | None:
        """Events a second lately; that of the life before for one that has only begun, None where nothing is known."""
        (begun, low), (ended, high) = self.readings[0], self.readings[-1]
        return (high - low) / (ended - begun) if ended > begun else self._before


@dataclass
class Differences:
    """Mutable: the events of one query, which may have many series, by the moment at which each was read.

    A value below the one before is a restart from zero: all of it is new, and what was counted between the last reading and
    the restart nobody can know (a Gap). A series that was not there when we began was born since and counts from zero, or the
    first error of a process would be lost (docs/measurement.md 1.5). One that is away for a while goes on from its last value.
    """

    last: dict[str, tuple[float, float]] = field(default_factory=dict)
    begun: bool = False
    gaps: dict[float, Gap] = field(default_factory=dict)
    """Since we began, by the moment of the reading that showed it: all series of a process restart at the same."""
    summed: bool = False
    """Whether a value is made of several counters by the source: what it falls by is then no restart of all of them."""
    _lives: dict[str, _Life] = field(default_factory=dict)
    _scrapes: dict[str, dict[float, None]] = field(default_factory=dict)

    def take(self, readings: Readings) -> dict[float, float]:
        """Events by unix second of the reading that showed them; the first call only notes where the counters stand."""
        found: dict[float, float] = {}
        for labels, samples in readings.items():
            read = self._scrapes.setdefault(_target(labels), {})
            read.update((at, None) for at, _ in samples)
            for oldest in list(read)[: max(0, len(read) - _KEPT)]:
                del read[oldest]
        for labels, samples in readings.items():
            for at, value in samples:
                before = self.last.get(labels, (at - 1, 0.0 if self.begun else value))
                if at <= before[0]:
                    continue
                grown = value - before[1]
                if grown < 0:
                    grown = self._begin_anew(labels, before[0], at, value)
                if self.begun:
                    found[at] = found.get(at, 0.0) + grown
                self.last[labels] = (at, value)
                self._lives.setdefault(labels, _Life()).readings.append((at, value))
        self.begun = self.begun or bool(readings)
        return found

    def _begin_anew(self, labels: str, since: float, at: float, value: float) -> float:
        """Note a restart; what has been counted since then."""
        rate = self._lives[labels].rate
        self._lives[labels] = _Life(rate)
        if self.begun:
            at = self._read_next(labels, since) or at
            events = (value / (at - since) if rate is None else rate) * (at - since)
            before = self.gaps.get(at, Gap(since, at, 0.0))
            self.gaps[at] = Gap(min(since, before.since), at, before.events + events)
        return 0.0 if self.summed else value

    def _read_next(self, labels: str, since: float) -> float | None:
        """When the target of a series was read next, whether the series was among what it told or not."""
        return min((at for at in self._scrapes[_target(labels)] if at > since), default=None)

    def ended(self, now: float, step_s: float) -> Iterator[Gap]:
        """Series that are read no more, at `now` (unix seconds): what they counted since their last reading is lost, too."""
        for labels, (since, _) in self.last.items():
            life = self._lives[labels]
            step = max(step_s, life.apart_s)
            if now - since > 2.5 * step:
                at = self._read_next(labels, since) or since + step
                yield Gap(since, at, (life.rate or 0.0) * (at - since))


def _target(labels: str) -> str:
    """What was scraped, of a series of the form `name=value,…`."""
    return ",".join(part for part in labels.split(",") if part.startswith(("instance=", "job=")))


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
