"""How often services of every kind of clump fail, in the shares of the study; a quick draw of `benchmarks/verdicts.py`."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict

import pytest

from benchmarks import verdicts
from runner.slo import slices
from runner.slo.objective import Objective
from tests.slo.traffic import GOOD, REFUSED, START, Traffic, at

RUNS, SEED = 60, 20261127


@pytest.mark.parametrize(
    ("budgets", "kind", "in_use", "window"),
    [
        (0.1, "independent", 0.0, 0.0),
        (0.1, "bursts", 0.2, 0.9),
        (0.1, "outages", 0.4, 1.3),
        (0.5, "independent", 0.1, 0.1),
        (0.5, "bursts", 1.4, 6.5),
        (0.5, "outages", 2.5, 6.8),
        (1.0, "independent", 3.0, 3.1),
        (1.0, "bursts", 5.6, 21.6),
        (1.0, "outages", 6.2, 14.9),
    ],
)
def test_healthy_services_fail_as_seldom_as_the_study_says(
    budgets: float, kind: str, in_use: float, window: float
) -> None:
    found = [verdicts.shares(*case, RUNS, SEED) for case in verdicts.healthy(budgets, kind)]
    assert statistics.mean(f.in_use for f in found) == pytest.approx(in_use, abs=2)
    assert statistics.mean(f.window for f in found) == pytest.approx(window, abs=3)
    assert all(f.gated <= f.before and f.gated <= f.in_use <= f.window for f in found)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (0.999, {"3-10x": 100, ">= 10x": 100}),
        (0.99, {"<= 1x": 0, "1-3x": 50, "3-10x": 98, ">= 10x": 100}),
        (0.95, {"<= 1x": 0}),
    ],
)
def test_a_short_outage_beyond_the_budget_fails_where_the_target_leaves_room(
    target: float, expected: dict[str, int]
) -> None:
    by_size = defaultdict(list)
    for name, case in verdicts.single(target):
        by_size[name].append(verdicts.shares(*case, 30, SEED).in_use)
    for name, share in expected.items():
        assert statistics.mean(by_size[name]) == pytest.approx(share, abs=4)


def test_windows_are_cut_as_the_judge_cuts_them() -> None:
    objective, random_ = Objective("a", "s", "availability", 0.99), random.Random(SEED)
    for _ in range(20):
        bad = verdicts.bursts(0.05, 20)(random_, 1000)
        traffic = Traffic(50, 20, lambda t, i, bad=frozenset(bad): REFUSED if i in bad else GOOD)  # type: ignore[misc]
        ours = slices.cut(objective, traffic.samples, START, at(20), rate=50, timeout_s=1, now_ns=at(20))
        theirs = verdicts.cut(bad, 1000, 50)
        assert (ours.bad, ours.scheduled, ours.running_max) == (theirs.bad, theirs.scheduled, theirs.running_max)
