"""What an activity draws at random follows from seed and name alone: not from what others have drawn."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from runner.chaostoolkit.draws import Draws

PODS = [f"shop-{n}" for n in range(20)]


@pytest.fixture(autouse=True)
def _its_own_dice() -> Iterator[None]:
    before = random.getstate()
    yield
    random.setstate(before)


def _drawn(draws: Draws, activity: str) -> list[str]:
    draws.begin(activity)
    return random.sample(PODS, 3)


def test_the_same_seed_draws_the_same_whatever_was_drawn_before() -> None:
    first = _drawn(Draws(7), "kill")
    later = Draws(7)
    _drawn(later, "something else")
    assert _drawn(later, "kill") == first


def test_another_seed_another_name_and_a_second_time_draw_anew() -> None:
    draws = Draws(7)
    found = [_drawn(draws, "kill"), _drawn(draws, "kill"), _drawn(draws, "drain"), _drawn(Draws(8), "kill")]
    assert len({tuple(names) for names in found}) == 4
