"""A difference of two bad ratios is told only where chance, clumps of bad requests included, does not explain it."""

from __future__ import annotations

import math
import random

import pytest

from runner.slo.difference import Counted, between
from runner.slo.slices import Slices


def test_the_interval_holds_newcombes_own_and_is_hardly_wider() -> None:
    """His first example, 56 of 70 against 48 of 80: method 10 gives 0.0524 to 0.3339 (Statistics in Medicine 17, 1998, table II)."""
    found = between(Counted(bad=48, total=80), Counted(bad=56, total=70))
    assert found
    assert found.ratio == pytest.approx(0.2)
    assert 0.0524 - 0.02 < found.low < 0.0524
    assert 0.3339 < found.high < 0.3339 + 0.02


@pytest.mark.parametrize(("n", "m", "ratio"), [(20, 20, 0.1), (24, 8, 0.3)])
def test_two_windows_of_one_service_differ_by_chance_in_one_of_twenty_at_most(n: int, m: int, ratio: float) -> None:
    """Every pair of counts with its probability, so that nothing is left to luck."""
    told = sum(
        _chance(a, n, ratio) * _chance(b, m, ratio)
        for a in range(n + 1)
        for b in range(m + 1)
        if (found := between(Counted(bad=a, total=n), Counted(bad=b, total=m))) and found.beyond_chance
    )
    assert told <= 0.05


@pytest.mark.parametrize("burst", [1, 5, 20])
def test_clumps_do_not_make_a_difference_of_one_service(burst: int) -> None:
    made = random.Random(3)
    pairs = [between(_window(made, 0.02, burst), _window(made, 0.02, burst)) for _ in range(80)]
    assert sum(found is not None and found.beyond_chance for found in pairs) <= 80 * 0.1


def test_one_clump_is_told_to_be_too_few_whatever_its_size() -> None:
    outage = Counted(bad=100, total=3000, dispersion=100.0)
    found = between(Counted(bad=0, total=3000), outage)
    assert found
    assert found.few
    assert not found.beyond_chance


def test_a_handful_of_bad_requests_is_too_few_however_long_the_other_window_was() -> None:
    found = between(Counted(bad=0, total=1_000_000), Counted(bad=4, total=100))
    assert found
    assert found.low > 0, "the interval alone would tell them apart"
    assert not found.beyond_chance


def test_a_real_change_is_told_with_its_direction() -> None:
    worse = between(Counted(bad=2, total=1500), Counted(bad=70, total=1500))
    better = between(Counted(bad=70, total=1500), Counted(bad=2, total=1500))
    assert worse
    assert better
    assert (worse.beyond_chance, better.beyond_chance) == (True, True)
    assert 0 < worse.low < worse.ratio < worse.high
    assert (better.low, better.high) == pytest.approx((-worse.high, -worse.low))


def test_nothing_is_concluded_without_data() -> None:
    assert between(Counted(bad=0, total=0), Counted(bad=5, total=100)) is None


def _chance(k: int, n: int, p: float) -> float:
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def _window(made: random.Random, ratio: float, burst: int) -> Counted:
    """30 slices of 100 requests whose bad ones come in bursts."""
    bad = [False] * 3000
    for start in range(3000):
        if made.random() < ratio / burst:
            bad[start : start + burst] = [True] * min(burst, 3000 - start)
    cut = Slices([sum(bad[i : i + 100]) for i in range(0, 3000, 100)], [100] * 30, 1.0)
    return Counted(bad=sum(bad), total=3000, dispersion=cut.grouped(3).dispersion)
