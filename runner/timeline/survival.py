"""Survival: what a median is when some incidents had not ended yet, by Kaplan and Meier's product limit."""

from __future__ import annotations

from collections.abc import Iterable

from runner.timeline.statistics import Figure, Value

_NOISE = 1e-12


def median(values: Iterable[Value]) -> Figure | None:
    """When half of all have ended; a censored value counts as waiting until it leaves.

    Kaplan and Meier, JASA 53 (1958); where exactly half had ended for a while, the middle of that while, as for any median.
    Where fewer than half are known to have ended, the longest wait, `at_least`. None for no value at all.
    """
    ordered = sorted(values, key=lambda v: (v.seconds, v.censored))  # of equals those that ended come first
    waiting, share = len(ordered), 1.0
    half: float | None = None
    for value in ordered:
        if not value.censored:
            if half is not None:
                return Figure(seconds=(half + value.seconds) / 2)
            share *= 1 - 1 / waiting
            if share < 0.5 - _NOISE:
                return Figure(seconds=value.seconds)
            half = value.seconds if share <= 0.5 + _NOISE else None
        waiting -= 1
    if half is not None:
        return Figure(seconds=half)
    return Figure(seconds=ordered[-1].seconds, at_least=True) if ordered else None
