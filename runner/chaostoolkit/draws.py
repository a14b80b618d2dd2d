"""Draws: each activity's random choices follow from the run's seed alone, so that the same list gives the same choice again."""

from __future__ import annotations

import random
from collections import Counter


class Draws:
    """What activities draw with Python's `random`, as the extensions of Chaos Toolkit do, whatever was drawn before them."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._times: Counter[str] = Counter()

    def begin(self, activity: str) -> None:
        """The activity of that name is next: the same name a second time draws anew."""
        self._times[activity] += 1
        random.seed(f"{self._seed}/{activity}/{self._times[activity]}")
