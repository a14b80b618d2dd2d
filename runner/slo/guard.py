"""Guard: a condition under which a run is stopped. All that is to be known of one stands in its class, one file in `guards/`.

That is: what it takes in the file (its fields), how people say it (`sentence`), what it decides on every tick (`evaluator`), the unit
of its numbers, whether users were hurt when it stops a run, and which windows have to hold enough requests to mean anything. Plan,
screen, abort and report say a guard by the one `sentence`, so that the line of an abort is found in the plan.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Annotated, ClassVar

from runner.slo import timeslices
from runner.slo.objective import Objective
from runner.slo.series import Counted, Series


class Quantity(Enum):
    """How a number is written in the file, where a plain number is not all: `30s`, `5%`."""

    DURATION = "duration"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Bound:
    """Which numbers a field takes."""

    above: float | None = None
    least: float | None = None
    below: float | None = None


Seconds = Annotated[float, Quantity.DURATION]
Length = Annotated[Seconds, Bound(above=0)]
"""Seconds, and not none."""
Ratio = Annotated[float, Quantity.RATIO]


class Unit(StrEnum):
    """Of a guard's numbers: how value and limit are printed."""

    RATIO = "ratio"
    SECONDS = "seconds"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Reading:
    """How one guard stands at one moment."""

    value: float | None
    """In the guard's unit; None without data."""
    limit: float
    used: float
    """Share of the way to the limit: at 0 nothing points at it, at 1 it stops the run."""
    measured: str
    """What was seen, with its numbers; it goes after the guard's sentence."""
    since_ns: int | None = None
    """Set when the run has to stop: since when (monotonic) it is so."""
    error_s: float = 0.05
    """How far off that may be."""

    @property
    def headroom(self) -> float:
        """1 when nothing points at the guard, and 0 when it stops the run."""
        return min(1.0, max(0.0, 1 - self.used))


Evaluator = Callable[[int], Reading]
"""How the guard stands now (monotonic ns); asked every 50 ms."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window whose limit is a bad ratio: it means something once it holds enough bad requests (docs/measurement.md 1.2)."""

    indicator: str
    ratio: float
    over_s: float
    objective: Objective | None = None
    """Whose requests or slices are counted; None: the indicator's own."""

    def rate(self, rates: Mapping[str, float]) -> float | None:
        """How many are counted a second; None where nobody knows."""
        rate = rates.get(self.indicator)
        return rate if rate is None or self.objective is None else self.objective.counted_at(rate)

    @property
    def what(self) -> str:
        """What is counted."""
        return "events" if self.objective is None else self.objective.counted_in("events")


class Observed:
    """What the guards of a run look at: series by indicator, objectives by name, from when they came on duty (monotonic ns)."""

    def __init__(
        self,
        guards: Sequence[Guard],
        series: Mapping[str, Series],
        objectives: Iterable[Objective],
        started_ns: int,
    ) -> None:
        self.guards = guards
        self.series = series
        self.objectives = {o.name: o for o in objectives}
        self.started_ns = started_ns
        self._counted: dict[str, Counted] = {}

    def counted(self, objective: str) -> Counted:
        """What an objective counts; the same series for all guards that ask, for it remembers."""
        if objective not in self._counted:
            promised = self.objectives[objective]
            found = timeslices.seen(promised, self.series[promised.indicator], self.started_ns)
            self._counted[objective] = found
        return self._counted[objective]


class Guard(ABC):
    """A frozen dataclass. Its fields are its keys in the file: seconds are called `over_s` here and `over` there, and a field
    `indicator` or `objective` names one of the file's.
    """

    key: ClassVar[str]
    """What it is called in the file, and in events."""
    unit: ClassVar[Unit]
    users_hurt: ClassVar[bool]
    """Whether it speaks of users: where it stops a run before the effect is certain, they were hurt since then."""
    bare: ClassVar[str] = ""
    """Its only field, where the file gives the value itself: `duration: 5m`."""
    of_sources: ClassVar[bool] = False
    """Whether its indicator may be a source's too, which only knows how many were good and bad."""
    of_checks: ClassVar[bool] = False
    """Whether its indicator is a check's, and no other."""
    widens: ClassVar[bool] = False
    """Whether windows that are too short to mean anything are widened, even where the file chose rate and window itself."""

    def __init_subclass__(cls) -> None:
        lacking = [name for name in ("key", "unit", "users_hurt") if not hasattr(cls, name)]
        if lacking:  # said when it is imported, and not by a run that stands in front of it
            raise TypeError(f"the guard {cls.__name__} does not say its {', '.join(lacking)}")

    @property
    @abstractmethod
    def sentence(self) -> str:
        """The condition as people say it, everywhere."""

    @abstractmethod
    def evaluator(self, seen: Observed) -> Evaluator:
        """What decides, made when the guard comes on duty."""

    def windows(self, objectives: Mapping[str, Objective]) -> tuple[Window, ...]:
        """Its windows whose limit is a bad ratio."""
        return ()

    def message(self, reading: Reading) -> str:
        """The sentence with what was measured."""
        return f"{self.sentence}: {reading.measured}"
