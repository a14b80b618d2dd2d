"""Source: the protocol of a detection source, and how the kinds of it are found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from runner import clock, errors
from runner.experiment.detecting import SYSTEMS
from runner.timeline.alerting import Floor, Seen
from runner.timeline.event import DRILL_ALERT

GROUP = "chaos_run.detection"
"""Entry points of this group add kinds: a callable that takes a Setting and gives a Source."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How one source is configured: `target` is its URL, the address to listen on, or the names of what is asked for."""

    kind: str
    target: str
    match: Mapping[str, str] = field(default_factory=dict)
    """Labels that an alert has to have to be heard at all."""
    timeout_s: float = 5.0
    access: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """A group of the experiment's secrets: see `runner.access`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    clock: clock.Clock = field(default_factory=clock.SystemClock)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is heard; the one by which we say ourselves that a drill goes on is not."""
        return labels.get("alertname") != DRILL_ALERT and all(
            labels.get(key) == value for key, value in self.match.items()
        )


class Source(Protocol):
    """Where alerts are seen. `open` first, then `poll` every `every_s` seconds, `close` whatever happened."""

    name: str
    """As it stands beside every mark."""
    every_s: float
    stages: Sequence[str]
    """Which it can tell."""

    async def open(self) -> Floor:
        """See that it is there. Raises EnvironmentFailure when it is not: that is an error of the run, never a miss."""
        ...

    async def poll(self) -> Sequence[Seen]:
        """What reached a new stage since the last call, each alert and stage once, and once more when an alert is on again that
        had been resolved, were it only by mistake. Raises EnvironmentFailure."""
        ...

    async def close(self) -> None:
        """Let go; may be called after a failed `open`, and twice."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A source that can also tell afterwards what it said meanwhile; asked once, at the end of the run."""

    async def history(self, since_ns: int, until_ns: int) -> Sequence[Seen]:
        """Every stage reached between two moments (monotonic), seen by `poll` or not. Raises EnvironmentFailure."""
        ...


@runtime_checkable
class Explaining(Protocol):
    """A source that knows more than stages: asked when the run is told."""

    def may_raise(self) -> Sequence[Mapping[str, str]]:
        """What its rules say of the labels of every alert that may be the expected one; empty where it has no rules."""
        ...

    def floor_of(self, labels: Mapping[str, str], *, whole: bool = True) -> Floor:
        """Its part of the floor for an alert with just these labels (or, not `whole`, with more), by its rule and its route."""
        ...

    def muted(self) -> Mapping[str, str]:
        """Alerts that it kept to itself, by `rules.key` of their labels, and why in its own words."""
        ...

    def doubt(self) -> str:
        """Why its moments may be further off than clocks usually are; empty where they are not."""
        ...


Builder = Callable[[Setting], Source]


def build(setting: Setting) -> Source:
    """The source of that kind. Raises UsageError for one that nobody brings."""
    if setting.kind in SYSTEMS:
        found: Builder = import_module(f"runner.probe.alerts.{setting.kind}").build
        return found(setting)
    from importlib.metadata import entry_points

    points = {point.name: point for point in entry_points(group=GROUP)}
    if setting.kind not in points:
        known = ", ".join(sorted({*SYSTEMS, *points}))
        raise errors.UsageError(f"there is no detection source {setting.kind!r}", hint=f"there are {known}")
    plugged: Builder = points[setting.kind].load()
    return plugged(setting)
