"""Power: can the chosen rate and windows decide the objectives at all? Asked before anything is injected."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from runner import units
from runner.slo import interval
from runner.slo.guard import Guard, Window
from runner.slo.interval import CONFIDENCE
from runner.slo.objective import Objective
from runner.slo.windowed import MIN_EVENTS, shortest_s


@dataclass(frozen=True, slots=True)
class Forecast:
    """Whether a window can end in PASS, and how long it would have to be."""

    can_pass: bool
    needed_s: float
    """Shortest window, in seconds, in which no bad request at all makes a PASS."""
    bad_allowed: int
    """With so many bad requests, evenly spread, the planned window still passes."""
    sentence: str


def requests_to_pass(budget: float) -> int:
    """How many good requests without a bad one certify "bad <= budget" at 95 %: ln 0.05 / ln(1 - budget) (docs/measurement.md 1.3)."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-budget) - 1e-9)


def can_decide(objective: Objective, rate: float, seconds: float) -> Forecast:
    """What a window of so many seconds at `rate` a second can say about the objective."""
    rate = objective.counted_at(rate)
    too_short = objective.slice_s is not None and seconds < objective.slice_s
    planned, needed = 0 if too_short else int(rate * seconds + 1e-9), requests_to_pass(objective.budget)
    needed_s = math.ceil(max(needed / rate - 1e-6, objective.slice_s or 0))
    name, what = f"{objective.name} ({objective.promise})", objective.counted_in("requests")
    if planned < needed and objective.slice_target is not None:
        window, length = units.format_duration(seconds), units.format_duration(needed_s)
        why = f"{name} cannot pass in {window}: needs >= {length} ({needed:,} {what}, planned are {planned:,})"
        return Forecast(False, needed_s, -1, why)
    if planned < needed:
        window = units.format_duration(seconds)
        why = f"{name} cannot pass in {window}: needs >= {needed_s} s at {rate:g} req/s ({needed:,} requests, planned are {planned:,})"
        return Forecast(False, needed_s, -1, why)
    allowed = _bad_allowed(objective.budget, planned)
    spread = f"passes with up to {allowed:,} bad of {planned:,} {what}, evenly spread"
    return Forecast(True, needed_s, allowed, f"{name}: {spread}")


def _bad_allowed(budget: float, planned: int) -> int:
    low, high = 0, math.ceil(planned * budget) + 1
    while high - low > 1:
        middle = (low + high) // 2
        within = interval.clopper_pearson(middle, planned, CONFIDENCE)[1] <= budget
        low, high = (middle, high) if within else (low, middle)
    return low


def refusals(guards: Iterable[Guard], objectives: Mapping[str, Objective], chosen: Mapping[str, float]) -> list[str]:
    """One sentence for each guard whose window is too short to mean anything; `chosen` are the rates that the file chose itself."""
    told = []
    for guard in guards:
        for window in () if guard.widens else guard.windows(objectives):
            rate = window.rate(chosen)
            if rate is not None and (needed_s := _lacking(window, rate)):
                holds = f"{rate * window.over_s * window.ratio:.2g} bad requests at its limit, {MIN_EVENTS} are needed"
                needs = f"needs >= {math.ceil(needed_s - 1e-9)} s at {rate:g} req/s"
                told.append(f"{guard.sentence}: holds {holds}; {needs}")
    return told


def widened(
    guards: Iterable[Guard], objectives: Mapping[str, Objective], rates: Mapping[str, float], chosen: Collection[str]
) -> list[str]:
    """One sentence for each window that a guard looks at for longer than the file says, so that it means something.

    `chosen` are the indicators whose rate the file chose itself: there a window that is too short is refused, but for guards
    that widen theirs anyway.
    """
    told = []
    for guard in guards:
        for window in guard.windows(objectives):
            rate = window.rate(rates) if guard.widens or window.indicator not in chosen else None
            if rate is not None and (needed_s := _lacking(window, rate)):
                length = units.format_duration(math.ceil(needed_s))
                least = f"looked at over {length} at least, to hold {MIN_EVENTS} bad {window.what} at {rate:.3g}/s"
                told.append(f"{guard.sentence}: {least}")
    return told


def _lacking(window: Window, rate: float) -> float | None:
    """The seconds that a window would have to be long, where it is shorter."""
    needed_s = shortest_s(window.ratio, rate) if window.ratio > 0 else 0.0
    return needed_s if window.over_s < needed_s - 1e-9 else None
