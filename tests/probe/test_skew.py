"""A remote clock is compared with ours by Date headers alone."""

from __future__ import annotations

import math
import random

from runner.probe.alerts.skew import Skew


def listened(skew_s: float, answers: int) -> Skew:
    """What is known after so many answers of a server whose clock is that far ahead."""
    chance, found = random.Random(7), Skew()
    for i in range(answers):
        sent = 1000.0 + i * 0.2 + chance.random() * 0.05
        found.hear(math.floor(sent + 0.005 + skew_s), sent, sent + 0.01)
    return found


def test_many_answers_narrow_it_down_to_well_below_a_second() -> None:
    for skew_s in (-30.0, 2.4, 3600.0):
        found = listened(skew_s, 50)
        assert abs(found.seconds - skew_s) <= found.error_s < 0.2


def test_one_answer_says_little_and_the_error_says_so() -> None:
    found = listened(0.3, 1)
    assert found.seconds == 0.0
    assert 0.3 <= found.error_s <= 1.1
    assert Skew().error_s == 1.0


def test_a_clock_that_was_set_meanwhile_is_measured_anew() -> None:
    found = listened(0.0, 20)
    found.hear(2_000.0, 1_100.0, 1_100.01)
    assert 899 <= found.seconds <= 901
