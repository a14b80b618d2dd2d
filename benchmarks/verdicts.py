"""How often a verdict is FAIL: healthy services of every kind of clump, and single outages, beside the figures of the study.

    python benchmarks/verdicts.py [RUNS A CASE, 600] [SEED]

    python benchmarks/verdicts.py --aborts [RUNS A CASE, 1000] [SEED]   # how often the evidence guard stops healthy runs of ten minutes

Windows of 20 to 60 s at 20 to 100 requests a second, targets of 99.9, 99 and 95 %. Four rules: what was before (the betting test or
the bound with dispersion), the same behind the gate "the window itself missed the objective", the one in use (with the running
maximum), and `judge: window`. Of healthy services mean and worst case are printed, of outages the share by their size in budgets.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace

from runner.slo import betting, verdict
from runner.slo.objective import Objective
from runner.slo.slices import Slices, length_s
from runner.slo.verdict import Verdict

TARGETS = (0.999, 0.99, 0.95)
RATES = (20, 50, 100)
WINDOWS_S = (20, 40, 60)
BUDGETS = (0.1, 0.5, 1.0)
KINDS = ("independent", "bursts", "outages")
OUTAGES_S = (0.5, 1, 2, 3, 4, 5)
LATEST_S = 5.0
"""A single outage begins within so many seconds of the injection."""
STUDY = {
    # mean/worst per cent FAIL: before, gated, in use, judge: window
    (0.1, "independent"): "0; 0; 0; 0",
    (0.1, "bursts"): "0.1/0.7; 0.1/0.7; 0.2/0.8; 0.9/7.7",
    (0.1, "outages"): "0.4/1.7; 0.3/1.3; 0.4/1.3; 1.3/3.2",
    (0.5, "independent"): "0.1/0.5; 0.1/0.5; 0.1/0.5; 0.1/0.5",
    (0.5, "bursts"): "0.7/1.7; 0.7/1.7; 1.4/4.0; 6.5/29",
    (0.5, "outages"): "2.2/9.8; 2.2/9.3; 2.5/9.3; 6.8/17.5",
    (1.0, "independent"): "3.0/4.3; 3.0/4.3; 3.0/4.3; 3.1/4.5",
    (1.0, "bursts"): "3.8/6.2; 3.8/6.2; 5.6/8.2; 21.6/50.7",
    (1.0, "outages"): "5.4/20.5; 5.2/19.3; 6.2/19.5; 14.9/36.7",
    (0.999, "3-10x"): "19; 19; 100; 100",
    (0.999, ">= 10x"): "91; 91; 100; 100",
    (0.99, "<= 1x"): "3; 0; 0; 0",
    (0.99, "1-3x"): "18; 18; 50; 71",
    (0.99, "3-10x"): "50; 50; 89; 100",
    (0.99, ">= 10x"): "64; 64; 98; 100",
    (0.95, "<= 1x"): "7; 0; 0; 0",
    (0.95, "1-3x"): "16; 16; 16; 75",
    (0.95, "3-10x"): "55; 55; 55; 100",
    (0.95, ">= 10x"): "69; 69; 69; 100",
}
"""What the study of the rule found (600 runs a case); where exactly its outages lay it does not say."""

Bad = list[int]
"""Numbers of the bad requests of a window, in order."""
Source = Callable[[random.Random, int], Bad]
"""Draws the bad ones of so many requests."""


@dataclass(frozen=True)
class Shares:
    """Per cent FAIL of one case, by rule."""

    before: float
    gated: float
    in_use: float
    window: float


def independent(p: float) -> Source:
    """Each request by itself."""

    def draw(random_: random.Random, n: int) -> Bad:
        found, at = [], -1
        while (at := at + 1 + int(math.log(1 - random_.random()) / math.log1p(-p))) < n:
            found.append(at)
        return found

    return draw


def bursts(p: float, size: int) -> Source:
    """So many in a row, at random moments; `p` of all in the long run."""

    def draw(random_: random.Random, n: int) -> Bad:
        begins = independent(p / size)(random_, n + size)
        return sorted({at for b in begins for at in range(b - size, b) if 0 <= at < n})

    return draw


def outages(p: float, mean: float) -> Source:
    """Up and down by turns, exponential lengths in requests, `mean` of them down at a time: a stationary process."""

    def draw(random_: random.Random, n: int) -> Bad:
        found: Bad = []
        at, down = 0.0, random_.random() < p
        while at < n:
            length = random_.expovariate(1 / (mean if down else mean * (1 - p) / p))
            if down:
                found.extend(range(math.ceil(at), min(n, math.ceil(at + length))))
            at, down = at + length, not down
        return found

    return draw


def one_outage(length: float, latest: float) -> Source:
    """Everything fails for so many requests, once, from a moment among the first `latest`."""

    def draw(random_: random.Random, n: int) -> Bad:
        begin = random_.uniform(0, latest)
        return list(range(math.ceil(begin), min(n, math.ceil(begin + length))))

    return draw


def cut(bad: Bad, n: int, rate: int) -> Slices:
    """As the judge cuts it."""
    slice_s = length_s(rate)
    per_slice = round(rate * slice_s)
    counts = [0] * -(-n // per_slice)
    for at in bad:
        counts[at // per_slice] += 1
    sizes = [min(per_slice, n - i * per_slice) for i in range(len(counts))]
    return Slices(counts, sizes, slice_s, peak=max(((k + 1) / (at + 1) for k, at in enumerate(bad)), default=0.0))


def failed(objective: Objective, found: Slices) -> tuple[bool, bool, bool, bool]:
    """Whether it fails: before, gated, in use, and with `judge: window`."""
    gated = verdict.verdict_of(objective, replace(found, peak=0.0)) is Verdict.FAIL
    before = gated or _highest_evidence(objective, found) >= math.log(100)
    window = replace(objective, judge="window")
    return (
        before,
        gated,
        verdict.verdict_of(objective, found) is Verdict.FAIL,
        verdict.verdict_of(window, found) is Verdict.FAIL,
    )


def _highest_evidence(objective: Objective, found: Slices) -> float:
    test, highest = betting.Betting(objective.budget), 0.0
    for bad, scheduled in zip(found.bad, found.scheduled, strict=True):
        test.bet(bad, scheduled)
        highest = max(highest, test.log_evidence())
    return highest


def shares(target: float, rate: int, window_s: float, source: Source, runs: int, seed: int) -> Shares:
    """One case."""
    objective = Objective("a", "s", "availability", target)
    random_, n = random.Random(f"{seed}/{target}/{rate}/{window_s}"), round(rate * window_s)
    found = [failed(objective, cut(source(random_, n), n, rate)) for _ in range(runs)]
    return Shares(*(100 * sum(column) / runs for column in zip(*found, strict=True)))


Case = tuple[float, int, float, Source]
"""Target, rate a second, window in seconds, and what is bad in it."""


def healthy(budgets: float, kind: str) -> Iterator[Case]:
    """Every case of a kind of background that spends so many budgets in the long run."""
    for target, rate, window_s in itertools.product(TARGETS, RATES, WINDOWS_S):
        p = budgets * (1 - target)
        match kind:
            case "independent":
                yield target, rate, window_s, independent(p)
            case "bursts":
                yield from ((target, rate, window_s, bursts(p, size)) for size in (5, 20, 86))
            case _:
                yield from ((target, rate, window_s, outages(p, mean_s * rate)) for mean_s in (1, 2, 5))


def single(target: float) -> Iterator[tuple[str, Case]]:
    """Every case of one outage, with its size in budgets of the window."""
    for rate, window_s, lasts_s in itertools.product(RATES, WINDOWS_S, OUTAGES_S):
        size = lasts_s / window_s / (1 - target)
        name = "<= 1x" if size <= 1 else "1-3x" if size <= 3 else "3-10x" if size < 10 else ">= 10x"
        yield name, (target, rate, window_s, one_outage(lasts_s * rate, LATEST_S * rate))


def line(name: str, found: list[Shares], study: str, *, worst: bool) -> str:
    """The four rules' shares, and those of the study."""
    columns = zip(*(astuple(f) for f in found), strict=True)
    told = [f"{statistics.mean(c):5.1f}" + (f"/{max(c):4.1f}" if worst else "") for c in columns]
    return f"{name:<34} {len(found):3} cases  {'; '.join(told)}   study: {study}"


ABORTS: dict[tuple[float, int, str], str] = {
    # target, requests a slice, what is bad: per cent stopped in the study (3,000 runs of 600 slices)
    (0.999, 100, "independent"): "0.33",
    (0.999, 1000, "independent"): "0.20",
    (0.99, 100, "independent"): "0.67",
    (0.99, 1000, "independent"): "0.43",
    (0.999, 100, "bursts of 5 at half"): "0.07",
    (0.999, 100, "bursts of 20 at half"): "0.00",
}


def stopped(target: float, per_slice: int, source: Source, random_: random.Random) -> bool:
    """Whether the evidence guard, 100:1 with one rule, stops a run of 600 slices, looked at after each."""
    test, n = betting.Betting(1 - target), 600 * per_slice
    counts = [0] * 600
    for at in source(random_, n):
        counts[at // per_slice] += 1
    for bad in counts:
        test.bet(bad, per_slice)
        if bad and test.log_evidence() >= math.log(100):
            return True
    return False


def aborts(runs: int, seed: int) -> None:
    print("per cent of healthy runs that the evidence guard stops (100:1, one rule, ten minutes)")
    for (target, per_slice, kind), study in ABORTS.items():
        p, random_ = 1 - target, random.Random(seed)
        source = independent(p) if kind == "independent" else bursts(p / 2, int(kind.split()[2]))
        share = 100 * sum(stopped(target, per_slice, source, random_) for _ in range(runs)) / runs
        print(f"{100 * target:g} %, {per_slice:4} a slice, {kind:<22} {share:.2f}   study: {study}", flush=True)


def main(runs: int, seed: int) -> None:
    print("per cent FAIL (mean/worst case): before; gated; in use; judge: window")
    for budgets, kind in itertools.product(BUDGETS, KINDS):
        found = [shares(*case, runs, seed) for case in healthy(budgets, kind)]
        print(line(f"healthy, {budgets:g} budgets, {kind}", found, STUDY[budgets, kind], worst=True), flush=True)
    for target in TARGETS:
        by_size = defaultdict(list)
        for name, case in single(target):
            by_size[name].append(shares(*case, runs, seed))
        for name in sorted(by_size, key=["<= 1x", "1-3x", "3-10x", ">= 10x"].index):
            told = line(f"one outage, {100 * target:g} %, {name}", by_size[name], STUDY[target, name], worst=False)
            print(told, flush=True)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--aborts"]
    count, seed_ = (
        int(word) for word in words + (["1000" if "--aborts" in sys.argv else "600", "20261127"][len(words) :])
    )
    (aborts if "--aborts" in sys.argv else main)(count, seed_)
