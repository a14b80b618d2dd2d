"""Survival: what a median is when some incidents had not ended yet, by Kaplan and Meier's product limit."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from itertools import chain, repeat

from runner.timeline import mttd_mttr
from runner.timeline.mttd_mttr import CensoredTime, Durations, Estimate

_NOISE = 1e-12


def median(values: Iterable[CensoredTime]) -> Estimate | None:
    """The median of values in any order: see `product_limit`."""
    return product_limit(mttd_mttr.durations(values))


def product_limit(found: Durations) -> Estimate | None:
    """When half of all have ended; a censored value counts as waiting until it leaves.

    Kaplan and Meier, JASA 53 (1958); where exactly half had ended for a while, the middle of that while, as for any median.
    Where fewer than half are known to have ended, the longest wait, `at_least`. None for no value at all.

    Between two that leave, the product over those that end telescopes: of `waiting`, `waiting` less those that ended remain.
    """
    ended, bounds = found
    share, before = 1.0, 0
    ends = map(bisect_right, repeat(ended), bounds)  # of equals those that ended come first
    for gone, until in enumerate(chain(ends, [len(ended)])):
        if until == before:
            continue
        waiting = len(ended) - before + len(bounds) - gone
        left = share * (waiting - until + before) / waiting
        if left <= 0.5 + _NOISE:
            return _crossed(found, share, before, waiting)
        share, before = left, until
    longest = max([*ended[-1:], *bounds[-1:]], default=None)
    return None if longest is None else Estimate(seconds=longest, at_least=True)


def _crossed(found: Durations, share: float, before: int, waiting: int) -> Estimate:
    """The median is among those that end next, of which the first is number `before`."""
    fewest = math.ceil(waiting * (1 - (0.5 + _NOISE) / share))
    at = before + fewest - 1
    below = share * (waiting - fewest) / waiting < 0.5 - _NOISE
    after = at if below else min(at + 1, len(found.ended) - 1)
    return Estimate(seconds=(found.ended[at] + found.ended[after]) / 2)
