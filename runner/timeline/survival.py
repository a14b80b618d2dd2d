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
    ordered = sorted(values)  # of equals those that ended come first
    waiting, share = len(ordered), 1.0
    half: float | None = None
    for seconds, censored in ordered:
        if not censored:
            if half is not None:
                return Figure(seconds=(half + seconds) / 2)
            share *= 1 - 1 / waiting
            if share < 0.5 - _NOISE:
                return Figure(seconds=seconds)
            half = seconds if share <= 0.5 + _NOISE else None
        waiting -= 1
    if half is not None:
        return Figure(seconds=half)
    return Figure(seconds=ordered[-1].seconds, at_least=True) if ordered else None
