"""Faster or slower than before is said only where the ranks of Mann and Whitney bear it out."""

from __future__ import annotations

import random

import pytest

from runner.timeline import improvement, success
from runner.timeline.mttd_mttr import CensoredTime


def waits(*seconds: float) -> list[CensoredTime]:
    return [CensoredTime(seconds=s) for s in seconds]


def test_a_clear_halving_is_faster_with_its_interval() -> None:
    found = improvement.compare(waits(10, 11, 12, 13, 14, 15), waits(5, 5.5, 6, 6.5, 7, 7.5))
    assert found.ratio == pytest.approx(0.5, abs=0.02)
    assert found.told == "faster"
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high < 1


def test_the_other_way_round_it_is_slower() -> None:
    assert improvement.compare(waits(5, 5.5, 6, 6.5, 7, 7.5), waits(10, 11, 12, 13, 14, 15)).told == "slower"


def test_three_of_each_are_too_few_to_tell() -> None:
    found = improvement.compare(waits(100, 101, 102), waits(1, 1.1, 1.2))
    assert found.ratio == pytest.approx(0.0109, abs=0.0001)
    assert found.told == "too few to tell"
    assert improvement.compare([], waits(1)).told == "too few to tell"


def test_waits_that_never_ended_are_taken_against_us() -> None:
    before, after = waits(*range(10, 20)), waits(*range(1, 5)) + [CensoredTime(seconds=2, censored=True)] * 6
    found = improvement.compare(before, after)
    assert found.told != "faster"


def test_of_runs_that_did_not_change_at_most_one_in_twenty_is_called_changed() -> None:
    dice = random.Random(4)
    told = [
        improvement.compare(*(waits(*(dice.lognormvariate(3, 1.2) for _ in range(10))) for _ in range(2))).told
        for _ in range(1000)
    ]
    assert sum(word != "no change to be seen" for word in told) <= 60


def test_a_gain_that_chance_may_explain_does_not_meet_a_goal() -> None:
    sure = improvement.compare(waits(10, 11, 12, 13, 14, 15), waits(5, 5.5, 6, 6.5, 7, 7.5))
    doubtful = improvement.compare(waits(5, 10, 15, 20, 40), waits(4, 6, 9, 12, 50))
    assert doubtful.ratio is not None
    assert doubtful.ratio < 0.8
    assert doubtful.told == "no change to be seen"
    assert success.improvement({"a": sure}, 0.2).met is True
    assert success.improvement({"a": doubtful}, 0.2).met is None
    assert success.improvement({"a": doubtful}, 0.9).met is False
    assert success.improvement({}, 0.2).said == "too few to tell"
