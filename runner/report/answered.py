"""Answered: what a stream of our traffic met, in sentences: over new and over kept connections, ways to fail, unusual statuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from runner import units
from runner.slo import causes, interval
from runner.timeline.mark import Indicator

_FIELDS = ("name", "status", "before", "answered", "failures", "new", "new_bad", "kept", "kept_bad")


def told(indicator: Indicator) -> dict[str, Any]:
    """For the verdict event: the counts, and the sentence that says them."""
    counts = asdict(indicator)
    return {name: counts[name] for name in _FIELDS} | {"sentence": sentence(indicator)}


def sentence(i: Indicator) -> str:
    """`40 of 1,600 bad over new connections (2.5 %), 0 of 1,610 over kept ones; 38 refused, 2 status 404; …`; empty if not judged."""
    if i.new is None:
        return ""
    pairs = [(i.new_bad, i.new, "new connections"), (i.kept_bad, i.kept, "kept connections")]
    parts = [", ".join(_share(bad, total, over) for bad, total, over in pairs if total) or "no request ended"]
    if i.failures:
        parts.append(causes.told(i.failures, most=6))
    if unknown := [s for s in i.answered if s not in i.before]:
        parts.append(f"the baseline had no status {', '.join(unknown)}")
    return "; ".join(parts)


def _share(bad: int, total: int, over: str) -> str:
    ratio = f" ({units.format_ratio(bad / total)})" if bad else ""
    return f"{bad:,} of {total:,} bad over {over}{ratio}"


def warnings(i: Indicator) -> Iterator[str]:
    """What a reader must know who only sees the ratio of bad requests."""
    if said := causes.hint(i.failures):
        yield f"{i.name}: {said}"
    good = {s: n for s, n in i.answered.items() if f"status {s}" not in i.failures}
    for status, number in good.items():
        if status not in i.before:
            yield f"{i.name}: {number:,} answers had status {status}, which the baseline did not have; by `expect` they are good"
        elif not 200 <= int(status) < 300 and _became_usual(status, i.before, i.answered):
            now, then = _ratio(status, i.answered), _ratio(status, i.before)
            yield (
                f"{i.name}: {now} of the answers had status {status}, in the baseline {then}; it counts as good because the "
                "baseline had it too: if it is not, say what is, for example expect: {status: 200-299}"
            )


def _became_usual(status: str, before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    """Beyond chance: the share's lower 95 % bound is above the baseline's upper one."""
    lower, _ = interval.clopper_pearson(now[status], sum(now.values()), interval.CONFIDENCE)
    _, upper = interval.clopper_pearson(before[status], sum(before.values()), interval.CONFIDENCE)
    return lower > upper


def _ratio(status: str, answers: Mapping[str, int]) -> str:
    return units.format_ratio(answers[status] / sum(answers.values()))
