"""Verdict: PASS, INCONCLUSIVE or FAIL of an objective over a finished window, with the numbers in the sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from runner import units
from runner.slo import betting, interval, slices, timeslices
from runner.slo.interval import CONFIDENCE
from runner.slo.objective import Objective
from runner.slo.sample import Sample
from runner.slo.slices import Slices

ALPHA = 0.01
"""Of runs that keep the objective, and whose slices are independent, so many at most reach an evidence of 1/ALPHA."""
SURPRISE = 0.05
"""Of systems that keep the objective, however their errors clump, so many at most reach a running maximum of budget/SURPRISE."""
UNMEASURED = 0.01
"""With a larger share of requests that we sent late or never nothing is concluded."""
DISPERSION_SLICES = 5
SCATTERED = 1.05
"""Up to this dispersion bad requests lie as chance scatters them, and nothing need be said."""
A_DAY_S = 86400.0
"""No run lasts longer than this, so that more requests than it holds are no advice."""
FEW = 5
"""Fewer distinct slices with a bad request than this cannot carry an interval."""


class Verdict(StrEnum):
    """Of one objective; the word is what records and reports hold."""

    PASS = "PASS"
    INCONCLUSIVE = "INCONCLUSIVE"
    FAIL = "FAIL"


SEVERITY = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)
"""From the best to the worst."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of all; INCONCLUSIVE where there are none, for nothing was measured."""
    return max(verdicts, key=SEVERITY.index, default=Verdict.INCONCLUSIVE)


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
    window_lower: float = 0.0
    """The 95 % lower bound of this window's own bad ratio: no dispersion in it, for it claims nothing of other windows."""
    running_max: float = 0.0
    """The highest bad ratio of all beginnings of the window."""
    dispersion: float = 1.0
    bad_slices: int = 0
    unmeasured: int = 0
    """Requests that we sent late, or never; they count neither way."""
    log_evidence: float = 0.0
    """Highest natural logarithm of the betting test's evidence within the window."""
    needed_n: int | None = None
    """Requests, these included, that would decide at the same bad ratio; None when decided or when nothing would."""

    @property
    def sentence(self) -> str:
        return f"{self.verdict}: {self.detail}"


def judge(
    objective: Objective,
    samples: Iterable[Sample],
    start_ns: int,
    end_ns: int,
    *,
    rate: float,
    timeout_s: float,
    now_ns: int | None = None,
    until_ns: int = 0,
) -> Judgement:
    """Judge the requests intended from `start_ns` to `end_ns` (for a run: inject, undo and recovery together).

    `now_ns` is when the prober wrote last (default: `end_ns`); what is undecided then counts neither way. `until_ns` is when it
    was told to stop: what was due until then and is not there is unmeasured, as is what it sent late.
    """
    seen = end_ns if now_ns is None else now_ns
    cut = slices.cut(
        objective, samples, start_ns, end_ns, rate=rate, timeout_s=timeout_s, now_ns=seen, until_ns=until_ns
    )
    return _starved(judge_slices(objective, cut, rate), cut)


def _starved(found: Judgement, cut: Slices) -> Judgement:
    """The same where nearly all was measured; else INCONCLUSIVE, for what is missing may have been good or bad."""
    due = cut.total + cut.undecided + cut.unmeasured
    found = replace(found, unmeasured=cut.unmeasured)
    if cut.unmeasured <= UNMEASURED * due:
        return found
    said = (
        f"the prober was starved: it sent {cut.unmeasured:,} of {round(due):,} requests late or never, which measures this machine "
        f"and not {found.objective.indicator}"
    )
    return replace(found, verdict=Verdict.INCONCLUSIVE, detail=f"{said}; {found.detail}", needed_n=None)


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
    """What `verdict_of` says, with its numbers and the sentence."""
    bad, total = cut.total_bad, cut.total
    if not total:
        return Judgement(
            objective=objective, verdict=Verdict.INCONCLUSIVE, detail="no data: not a single request was measured"
        )
    groups = _groups(cut)
    phi = groups.dispersion
    lower, upper = interval.clopper_pearson(bad / phi, total / phi, CONFIDENCE)
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
        window_lower=interval.clopper_pearson(bad, total, CONFIDENCE)[0],
        running_max=cut.running_max,
        dispersion=phi,
        bad_slices=sum(map(bool, groups.bad)),
        log_evidence=_highest_evidence(objective, cut),
        needed_n=needed,
    )
    return replace(found, detail=_explain(found, groups, rate))


def verdict_of(objective: Objective, cut: Slices) -> Verdict:
    """The verdict alone, some thirty times cheaper than with its numbers.

    Two questions. Did the users of this window get less than was promised? Given how bad each moment was, the bad requests are
    Poisson-binomial, so the plain Clopper-Pearson bound of the window's own ratio holds however they clump (Hoeffding, Ann.
    Math. Stat. 27, 1956). Would a system that keeps the promise, untouched, show that? It would not if the bound with
    dispersion says so, or the evidence of the slices, or the running maximum: the moment of the injection was chosen
    independently of the background, so P(max over j of bad(first j)/j >= budget/SURPRISE) <= SURPRISE for any stationary
    background within the budget, by the maximal ergodic theorem. FAIL needs the first, and one of the second
    (docs/measurement.md 3.1).
    """
    bad, total, allowed = cut.total_bad, cut.total, objective.budget
    if not total:
        return Verdict.INCONCLUSIVE
    phi = _groups(cut).dispersion
    side = interval.side(bad / phi, total / phi, allowed, CONFIDENCE)
    missed = side > 0 or interval.side(bad, total, allowed, CONFIDENCE) > 0
    if missed and (side > 0 or objective.judge == "window" or _no_chance(objective, cut)):
        return Verdict.FAIL
    return Verdict.PASS if side < 0 else Verdict.INCONCLUSIVE


def _no_chance(objective: Objective, cut: Slices) -> bool:
    return cut.running_max * SURPRISE >= objective.budget * (1 - 1e-12) or _highest_evidence(
        objective, cut
    ) >= -math.log(ALPHA)


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


def _explain(found: Judgement, groups: Slices, rate: float) -> str:
    allowed = units.format_ratio(found.objective.budget)
    of = "" if found.objective.slice_target is None else f" {found.objective.counted_in('')}"
    seen = (
        f"{units.format_ratio(found.bad / found.total)} bad ({found.bad:,}/{found.total:,}{of}), allowed is {allowed}"
    )
    if found.verdict is Verdict.FAIL:
        return f"{seen}; {_why_it_failed(found)}"
    if found.window_lower > found.objective.budget:
        return f"{seen}; {_missed(found, groups)}"
    if 0 < found.bad_slices < FEW:
        places = f"{found.bad_slices} of {len(groups.bad)} slices of {units.format_duration(groups.slice_s)}"
        seen += f"; few events, in {places}{_spread(found)}"
    else:
        seen += f"; at most {units.format_ratio(found.upper)} with 95 % confidence{_spread(found)}"
    return seen + (_what_would_decide(found, rate) if found.verdict is Verdict.INCONCLUSIVE else "")


def _why_it_failed(found: Judgement) -> str:
    """The strongest of the reasons that hold, and how often a system that keeps the objective looks like this all the same."""
    allowed, kept = found.objective.budget, "that keep the objective"
    if found.log_evidence >= -math.log(ALPHA):
        healthy = (
            f"at most {units.format_ratio(ALPHA)} of runs {kept}, and whose slices are independent, fail like this"
        )
        return f"evidence {betting.odds(found.log_evidence)} against it, {healthy}"
    if found.running_max * SURPRISE >= allowed * (1 - 1e-12):
        share = units.format_ratio(_rounded_up(allowed / found.running_max))
        untouched = f"at most {share} of untouched systems {kept}, however their errors clump, look like this"
        return f"{betting.odds(math.log(found.running_max / allowed))} against the objective; {untouched}"
    if found.lower > allowed:
        return f"at least {units.format_ratio(found.lower)} with 95 % confidence{_spread(found)}"
    least = units.format_ratio(found.window_lower)
    return f"at least {least} with 95 % confidence, and the window's own requests decide (judge: window)"


def _missed(found: Judgement, groups: Slices) -> str:
    """What is a fact where nothing more can be concluded from it."""
    ratio, least = (units.format_ratio(r) for r in (found.bad / found.total, found.window_lower))
    clumps = sum(bool(b) and not (i and groups.bad[i - 1]) for i, b in enumerate(groups.bad))
    what = "one clump" if clumps == 1 else f"bad requests in clumps (dispersion {found.dispersion:.1f})"
    return f"this window missed the objective ({ratio} bad, at least {least}); {what} cannot be told from chance"


def _spread(found: Judgement) -> str:
    return f" (clustered: dispersion {found.dispersion:.1f})" if found.dispersion > SCATTERED else ""


def _rounded_up(ratio: float) -> float:
    """To two digits, so that "at most" stays true."""
    step: float = 10.0 ** (math.floor(math.log10(ratio)) - 1)
    return math.ceil(ratio / step - 1e-9) * step


def _what_would_decide(found: Judgement, rate: float) -> str:
    if found.needed_n is None:
        return "; too close to the limit for any number of requests to decide"
    more = max(1, found.needed_n - found.total)
    if more / rate > A_DAY_S:
        return f"; too close to the limit to be decided within a day at {rate:g}/s"
    if found.objective.slice_target is not None:
        return f"; about {more:,} more slices like these ({units.format_duration(round(more / rate))}) would decide"
    return (
        f"; about {more:,} more requests like these ({units.format_duration(more / rate)} at {rate:g}/s) would decide"
    )
