"""Power: can the chosen rate and windows decide the objectives at all? Asked before anything is injected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runner import units
from runner.slo import interval, rules
from runner.slo.interval import CONFIDENCE
from runner.slo.objective import Objective
from runner.slo.rules import MIN_EVENTS, Rule


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


def shortest_window(ratio: float, rate: float, events: int = MIN_EVENTS) -> float:
    """Seconds in which `rate` a second holds so many bad requests at that ratio: a shorter window means nothing
    (docs/measurement.md 1.2)."""
    return events / (rate * ratio)


def refusals(given: Iterable[Rule], rates: Mapping[str, float]) -> list[str]:
    """One sentence for each rule whose window is too short to mean anything at its indicator's rate."""
    return [sentence for rule in given if (sentence := _refusal(rule, rates))]


def widened(given: Iterable[Rule], objectives: Mapping[str, Objective], rates: Mapping[str, float]) -> list[str]:
    """One sentence for each window that the guard looks at for longer than the file says, so that it means something.

    Burn-rate pairs, and ratios of indicators whose rate was measured instead of chosen.
    """
    told = []
    for rule in given:
        for rate, ratio, over_s, what in _asked(rule, objectives, rates):
            if ratio > 0 and over_s < (needed := shortest_window(ratio, rate)) - 1e-9:
                window = units.format_duration(math.ceil(needed))
                told.append(
                    f"{rule.name}: looked at over {window} at least, to hold {MIN_EVENTS} bad {what} at {rate:.3g}/s"
                )
    return told


def _asked(
    rule: Rule, objectives: Mapping[str, Objective], rates: Mapping[str, float]
) -> Iterable[tuple[float, float, float, str]]:
    """Rate, bad ratio at the limit, seconds of each of a rule's windows, and what is counted in them."""
    match rule:
        case rules.BurnRate() if (objective := objectives[rule.objective]).indicator in rates:
            ratio = min(0.9, rule.above * objective.budget)
            rate = objective.counted_at(rates[objective.indicator])
            what = objective.counted_in("events")
            return [(rate, ratio, over_s, what) for over_s in dict.fromkeys((rule.long_s, rule.short_s))]
        case rules.ErrorRatio() if rule.indicator in rates:
            return [(rates[rule.indicator], rule.above, rule.over_s, "events")]
    return []


def _refusal(rule: Rule, rates: Mapping[str, float]) -> str | None:
    match rule:
        case rules.ErrorRatio() | rules.TimeoutRatio():
            ratio = rule.above
        case rules.LatencyPercentile():
            ratio = rule.allowed
        case _:
            return None
    rate = rates.get(rule.indicator)
    if rate is None or ratio <= 0 or rule.over_s >= (needed := shortest_window(ratio, rate)) - 1e-9:
        return None
    holds = f"{rate * rule.over_s * ratio:.2g} bad requests at its limit, {MIN_EVENTS} are needed"
    return f"{rule.name}: holds {holds}; needs >= {math.ceil(needed - 1e-9)} s at {rate:g} req/s"
