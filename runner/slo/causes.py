"""Causes: what became of the bad requests, each way to fail by its own name. The names are those of record and JSON too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from runner.slo.sample import Cause, Flag, Sample

CLOSED_IDLE = "closed while idle"
_CAUSES: dict[int, str] = {
    Cause.REFUSED: "refused",
    Cause.UNREACHABLE: "unreachable",
    Cause.DNS: "DNS failed",
    Cause.TLS: "TLS failed",
    Cause.PROXY: "failed at the proxy",
    Cause.RESET: "reset",
    Cause.CLOSED: "closed without an answer",
    Cause.CLOSED_IDLE: CLOSED_IDLE,
    Cause.CUT_SHORT: "cut short",
    Cause.SLOW_NAME: "timed out in DNS",
    Cause.SLOW_CONNECT: "timed out connecting",
    Cause.SLOW_ANSWER: "timed out",
    Cause.SLOW_BODY: "timed out in the middle of the answer",
    Cause.NOT_HTTP: "not HTTP",
    Cause.NO_PORT: "not sent, no free port or file here",
}
_FLAGS = {
    Flag.SHED: "not sent, too many under way",
    Flag.CONNECTION: "no connection",
    Flag.TIMEOUT: "timed out",
    Flag.PROTOCOL: "not HTTP",
}
"""For tapes that do not say why, and for what needs no cause."""


def counted(samples: Iterable[Sample]) -> dict[str, int]:
    """How many bad requests failed in each way, the most frequent first: `{"refused": 147, "status 500": 2}`."""
    return dict(Counter(name(s) for s in samples if s.bad).most_common())


def told(failures: Mapping[str, int], most: int = 3) -> str:
    """`147 refused, 3 timed out, 2 status 500`, the first `most` of them; empty when no request failed."""
    return ", ".join(f"{number:,} {cause}" for cause, number in list(failures.items())[:most])


def name(sample: Sample) -> str:
    """Of a bad request."""
    found = (words for flag, words in _FLAGS.items() if sample.flags & flag)
    return _CAUSES.get(sample.cause) or next(found, f"status {sample.status}")


def hint(failures: Mapping[str, int]) -> str:
    """What to do about ways to fail that need not be the service's; empty for all others."""
    if number := failures.get(CLOSED_IDLE):
        return (
            f"{number:,} requests met the end of a connection that the service closed while it was idle, as many services do "
            "after some time; `new_connections: true` opens one for each request"
        )
    return ""
