"""What parent and prober say to each other, one JSON object a line.

The first line in is a `Start`; orders follow as `{"do": word, …}`, messages come out as `{"say": word, …}`, see `PROBER`. The prober says
`Ready`, sends from `Begin` on, says `Started`, and after `End` waits for what is in flight and says `Stopped`. When the pipe ends
without an `End`, the parent has died.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.codec import OneOf
from runner.process.channel import Talk

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


@dataclass(frozen=True, kw_only=True)
class Begin:
    """Send."""


@dataclass(frozen=True, kw_only=True)
class Accept:
    """Take other statuses for good from now on."""

    status: Mapping[str, Ranges]
    """By indicator."""


@dataclass(frozen=True, kw_only=True)
class End:
    """Send nothing more."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Connections are open, tapes can be read."""

    tapes: Mapping[str, str]
    """Their paths, by indicator."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """The first slot is at t0."""

    t0_ns: int
    """On the monotonic clock."""
    t0_wall_ns: int


@dataclass(frozen=True, kw_only=True)
class Accepts:
    """Other statuses are good from now on."""

    redirects: Mapping[str, str]
    """By indicator, where the last redirect led; empty where none did."""


@dataclass(frozen=True, kw_only=True)
class LimitReached:
    """The longest length is over, nothing is sent."""


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """Every request has ended, tapes are trimmed."""

    scheduled: Mapping[str, int]
    """How many records each tape has."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """It cannot start; it exits with 7."""

    message: str


ProberOrder = Begin | Accept | End
ProberMessage = Ready | Started | Accepts | LimitReached | Stopped | Failed
PROBER: Talk[ProberOrder, ProberMessage] = Talk(
    orders=OneOf("do", {"start": Begin, "accept": Accept, "stop": End}),
    messages=OneOf(
        "say",
        {
            "ready": Ready,
            "started": Started,
            "accepts": Accepts,
            "limit": LimitReached,
            "stopped": Stopped,
            "error": Failed,
        },
    ),
)
