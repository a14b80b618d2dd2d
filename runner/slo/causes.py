"""Causes: what became of the bad requests, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from runner.slo.sample import Flag, Sample

_WORDS = {
    Flag.SHED: "were never sent, too many were under way",
    Flag.CONNECTION: "found no connection",
    Flag.TIMEOUT: "timed out",
    Flag.PROTOCOL: "got an answer that is not HTTP",
}


def told(samples: Iterable[Sample]) -> str:
    """`147 found no connection, 3 timed out, 2 got status 500`; empty when no request failed."""
    counted = Counter(_cause(s) for s in samples if s.bad)
    return ", ".join(f"{number:,} {cause}" for cause, number in counted.most_common(3))


def _cause(sample: Sample) -> str:
    known = next((words for flag, words in _WORDS.items() if sample.flags & flag), None)
    return known or f"got status {sample.status}"
