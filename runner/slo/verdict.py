"""Verdict: PASS, INCONCLUSIVE or FAIL of an objective over a finished window, with the numbers in the sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

from runner import units
from runner.slo import betting, interval, slices, timeslices
from runner.slo.interval import CONFIDENCE
from runner.slo.objective import Objective
from runner.slo.sample import Sample
from runner.slo.slices import Slices

ALPHA = 0.01
DISPERSION_SLICES = 5
SCATTERED = 1.05
"""Up to this dispersion bad requests lie as chance scatters them, and nothing need be said."""
FEW = 5
"""Fewer distinct slices with a bad request than this cannot carry an interval."""


class Verdict(IntEnum):
    """Ordered: a run takes the worst of its objectives'."""

    PASS = 0
    INCONCLUSIVE = 1
    FAIL = 2


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of all; INCONCLUSIVE where there are none, for nothing was measured."""
    return max(verdicts, default=Verdict.INCONCLUSIVE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """One objective's verdict and what it rests on; bounds are one-sided 95 % bounds of the bad ratio."""

    objective: Objective
    verdict: Verdict
    detail: str
    """The sentence without the verdict in front."""
    bad: int = 0
    total: int = 0
    lower: float = 0.0
    upper: float = 1.0
    dispersion: float = 1.0
    bad_slices: int = 0
    log_evidence: float = 0.0
    """Highest natural logarithm of the betting test's evidence within the window."""
    needed_n: int | None = None
    """Requests, these included, that would decide at the same bad ratio; None when decided or when nothing would."""

    @property
    def sentence(self) -> str:
        return f"{self.verdict.name}: {self.detail}"


def judge(
    objective: Objective,
    samples: Iterable[Sample],
    start_ns: int,
    end_ns: int,
    *,
    rate: float,
    timeout_s: float,
    now_ns: int | None = None,
) -> Judgement:
    """Judge the requests intended from `start_ns` to `end_ns` (for a run: inject, undo and recovery together).

    `now_ns` is when the prober wrote last (default: `end_ns`); what is undecided then counts neither way.
    """
    seen = end_ns if now_ns is None else now_ns
    cut = slices.cut(objective, samples, start_ns, end_ns, rate=rate, timeout_s=timeout_s, now_ns=seen)
    return judge_slices(objective, cut, rate)


def judge_slices(objective: Objective, cut: Slices, rate: float) -> Judgement:
    """Judge a window that was cut; an objective about slices by what its slices are, and never good where one is unknown."""
    if objective.slice_s is None:
        return _judge(objective, cut, rate)
    if not cut.bad:
        length = units.format_duration(objective.slice_s)
        return Judgement(
            objective=objective,
            verdict=Verdict.INCONCLUSIVE,
            detail=f"no data: the window is shorter than a slice of {length}; {_least(objective)}",
        )
    known = timeslices.weighed(objective, cut)
    found = _judge(objective, known, objective.counted_at(rate))
    if not (unknown := len(cut.bad) - len(known.bad)) or found.verdict is Verdict.FAIL:
        return found
    detail = f"{found.detail}; no data in {unknown} of {len(cut.bad)} slices"
    return replace(found, verdict=Verdict.INCONCLUSIVE, detail=detail)


def _least(objective: Objective) -> str:
    """The shortest window that could pass."""
    count = needed_requests(0.0, objective.budget) or 0
    if objective.slice_target is None or objective.slice_s is None:
        return "it has to hold a whole one at least"
    return f"a pass needs {count:,} of them, {units.format_duration(count * objective.slice_s)}"


def _judge(objective: Objective, cut: Slices, rate: float) -> Judgement:
    """FAIL when the betting test was sure, or the lower bound is above the budget; PASS when the upper one is within it."""
    bad, total = cut.total_bad, cut.total
    if not total:
        return Judgement(
            objective=objective, verdict=Verdict.INCONCLUSIVE, detail="no data: not a single request was measured"
        )
    groups = _groups(cut)
    phi = groups.dispersion
    lower, upper = interval.clopper_pearson(bad / phi, total / phi, CONFIDENCE)
    evidence = _highest_evidence(objective, cut)
    certain = evidence >= -math.log(ALPHA)
    verdict = verdict_of(objective, cut)
    needed = needed_requests(bad / total, objective.budget, phi) if verdict is Verdict.INCONCLUSIVE else None
    found = Judgement(
        objective=objective,
        verdict=verdict,
        detail="",
        bad=round(bad),
        total=round(total),
        lower=lower,
        upper=upper,
        dispersion=phi,
        bad_slices=sum(map(bool, groups.bad)),
        log_evidence=evidence,
        needed_n=needed,
    )
    return replace(found, detail=_explain(found, certain, groups, rate))


def verdict_of(objective: Objective, cut: Slices) -> Verdict:
    """The verdict alone, some thirty times cheaper than with its numbers."""
    if not cut.total:
        return Verdict.INCONCLUSIVE
    phi = _groups(cut).dispersion
    side = interval.side(cut.total_bad / phi, cut.total / phi, objective.budget, CONFIDENCE)
    if side > 0 or _highest_evidence(objective, cut) >= -math.log(ALPHA):
        return Verdict.FAIL
    return Verdict.PASS if side < 0 else Verdict.INCONCLUSIVE


def _groups(cut: Slices) -> Slices:
    """Five slices a group, fewer in a window too short for eight such groups."""
    return cut.grouped(min(DISPERSION_SLICES, max(1, len(cut.bad) // 8)))


def _highest_evidence(objective: Objective, cut: Slices) -> float:
    test = betting.Betting(objective.budget)
    highest = 0.0
    for bad, scheduled in zip(cut.bad, cut.scheduled, strict=True):
        test.bet(bad, scheduled)
        if bad:
            highest = max(highest, test.log_evidence())
    return highest


def needed_requests(ratio: float, allowed: float, phi: float = 1.0) -> int | None:
    """How many requests would decide at this bad ratio and dispersion; None where a billion would not."""

    def decides(n: int) -> bool:
        return interval.side(ratio * n / phi, n / phi, allowed, CONFIDENCE) != 0

    high = 1
    while not decides(high):
        high *= 2
        if high > 1_000_000_000:
            return None
    low = high // 2
    while high - low > max(1, high // 1000):
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def _explain(found: Judgement, certain: bool, groups: Slices, rate: float) -> str:
    allowed = units.format_ratio(found.objective.budget)
    of = "" if found.objective.slice_target is None else f" {found.objective.counted_in('')}"
    seen = (
        f"{units.format_ratio(found.bad / found.total)} bad ({found.bad:,}/{found.total:,}{of}), allowed is {allowed}"
    )
    spread = f" (clustered: dispersion {found.dispersion:.1f})" if found.dispersion > SCATTERED else ""
    few = 0 < found.bad_slices < FEW
    if certain:
        healthy = f"at most {units.format_ratio(ALPHA)} of runs that keep the objective fail like this"
        return f"{seen}; evidence {betting.odds(found.log_evidence)} against it, {healthy}"
    if few:
        places = f"{found.bad_slices} of {len(groups.bad)} slices of {units.format_duration(groups.slice_s)}"
        seen += f"; few events, in {places}{spread}"
    elif found.verdict is Verdict.FAIL:
        seen += f"; at least {units.format_ratio(found.lower)} with 95 % confidence{spread}"
    else:
        seen += f"; at most {units.format_ratio(found.upper)} with 95 % confidence{spread}"
    return seen + (_what_would_decide(found, rate) if found.verdict is Verdict.INCONCLUSIVE else "")


def _what_would_decide(found: Judgement, rate: float) -> str:
    if found.needed_n is None:
        return "; too close to the limit for any number of requests to decide"
    more = max(1, found.needed_n - found.total)
    if found.objective.slice_target is not None:
        return f"; about {more:,} more slices like these ({units.format_duration(round(more / rate))}) would decide"
    return (
        f"; about {more:,} more requests like these ({units.format_duration(more / rate)} at {rate:g}/s) would decide"
    )
