"""What parent and prober say to each other, one JSON object a line: the start message as values both sides share.

to the prober     a `Start`, then {"do": "start"}, {"do": "accept", "status": {indicator: ranges}} and {"do": "stop"}
from the prober   {"say": "ready", "tapes": {indicator: path}}             connections are open, tapes can be read
                  {"say": "started", "t0_ns": monotonic, "t0_wall_ns": …}  the first slot is at t0
                  {"say": "accepts", "redirects": {indicator: location}}   other statuses are good from now on; where one led
                  {"say": "limit"}                                         the longest length is over, nothing is sent
                  {"say": "stopped", "scheduled": {indicator: count}}      every request has ended, tapes are trimmed
                  {"say": "error", "message": sentence}                    it cannot start; it exits with 7
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Indicator:
    """One stream of traffic: `rate` requests a second to one URL, each with `timeout_s` from its intended start."""

    name: str
    url: str
    rate: float
    timeout_s: float
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    status: Ranges = ((200, 399),)
    """Inclusive ranges of the statuses that are good."""
    new_every: int = 0
    """Each n-th request opens a connection of its own, the others are kept alive: 1 all of them, 0 none."""
    proxy: str | None = None
    """The URL of the proxy that the requests go through."""

    @property
    def cap(self) -> int:
        """Requests in flight at most. Above `rate * timeout_s`, so that a service that hangs is never shed, only timed out."""
        return max(64, int(self.rate * self.timeout_s) + 16)


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """The first line."""

    run: str
    folder: str
    """Where the tapes go; it exists."""
    seed: int
    limit_s: float
    """How long traffic may last at most; sizes the (sparse) tapes."""
    indicators: tuple[Indicator, ...]
    on_orphan: tuple[str, ...] = ()
    """A command that is started once when the parent has died before it said stop."""
