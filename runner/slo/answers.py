"""Answers: what became of one stream's requests in a window: bad over new and over kept connections, ways to fail, statuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from runner.slo import causes
from runner.slo.objective import FAILED
from runner.slo.sample import Flag, Sample

USUAL = range(200, 300)
"""Statuses that are good wherever the file does not declare its own."""
REDIRECTS = (301, 302, 303, 307, 308)
_UNANSWERED = int(Flag.SHED | Flag.CONNECTION | Flag.PROTOCOL)
_DONE, _NEW, _SHED = int(Flag.DONE), int(Flag.NEW_CONNECTION), int(Flag.SHED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """Counts of requests; one that was never sent went over no connection and is in neither pair."""

    new: int = 0
    """Requests that opened a connection."""
    new_bad: int = 0
    kept: int = 0
    """Requests over a connection that was there already."""
    kept_bad: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    """Ways to fail by their names (`runner.slo.causes`), the most frequent first; never to be sent is one."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Whole answers by status, good and bad ones."""


def count(samples: Iterable[Sample], start_ns: int, end_ns: int, timeout_s: float) -> Answers:
    """Over the requests that were due in [start, end) and have ended; those that we sent late tell nothing of the service."""
    ended = [s for s in samples if s.flags & _DONE and start_ns <= s.intended_ns < end_ns]
    sent = [s for s in ended if not FAILED.unmeasured(s, timeout_s)]
    new = [s for s in sent if s.flags & _NEW]
    new_bad, bad = sum(s.bad for s in new), sum(s.bad for s in sent)
    return Answers(
        new=len(new),
        new_bad=new_bad,
        kept=len(sent) - len(new),
        kept_bad=bad - new_bad,
        failures=causes.counted([*sent, *(s for s in ended if s.flags & _SHED)]),
        statuses=statuses(sent),
    )


def statuses(samples: Iterable[Sample]) -> dict[str, int]:
    """How many whole answers had each status, the most frequent first."""
    found = Counter(s.status for s in samples if s.status and not s.flags & _UNANSWERED)
    return {str(status): number for status, number in found.most_common()}


def accepted(before: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
    """What is good where the file declares nothing: 200-299, and what the baseline had, short of a server's errors.

    As inclusive ranges. A server that only had errors to give before anything was broken has nothing to keep.
    """
    own = sorted(int(s) for s in before if int(s) < 500 and int(s) not in USUAL)
    return ((USUAL.start, USUAL.stop - 1), *((status, status) for status in own))


def ranges(given: Iterable[tuple[int, int]]) -> str:
    """As a file writes them: `200-299,302`."""
    return ",".join(f"{low}-{high}" if high > low else str(low) for low, high in given)


def none_usual(before: Mapping[str, int]) -> bool:
    """Whether there were answers, and none of them a plain success."""
    return bool(before) and not any(int(s) in USUAL for s in before)


def destination(url: str, location: str) -> str:
    """Where a redirect leads, whole, without what only lets somebody in."""
    if not location:
        return "nowhere (it has no Location)"
    try:
        there = urlsplit(urljoin(url, location))
    except ValueError:
        return "what is no URL"
    if urljoin(url, location) == url:
        return "itself: browsers give up after too many redirects"
    return f"{there.scheme}://{there.netloc.rpartition('@')[2]}{there.path}"
