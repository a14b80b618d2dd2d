"""Disturbance: what one action does to packets, as plain values: applied, seen by the kernel's counters, taken away, looked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from runner import codec, errors
from runner.faults import identity
from runner.faults.network import selection
from runner.faults.network.selection import Selection

LONGEST_S = 3600.0
LOSS, BANDWIDTH, LATENCY = "loss", "bandwidth", "latency"


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """One fault, before anything is changed."""

    kind: str
    name: str
    """In the kernel's tables, and the mark of the process that ends it."""
    packets: Selection
    seconds: float
    amount: float
    """Percent, kilobytes a second or ms, by its kind."""
    jitter: float = 0.0

    @property
    def number(self) -> int:
        """From its name, for what the kernel knows by numbers only: 1 to 16383."""
        return int(hashlib.sha256(self.name.encode()).hexdigest()[:6], 16) % 0x3FFF + 1

    @property
    def does(self) -> str:
        said = {
            LOSS: f"{self.amount:g} % of the packets are lost",
            BANDWIDTH: f"no more than {self.amount:g} KB/s pass",
            LATENCY: f"each packet is delayed by {self.amount:g}" + (f"±{self.jitter:g} ms" if self.jitter else " ms"),
        }
        return f"{said[self.kind]}: {self.packets}"

    @property
    def target(self) -> str:
        return f"packets/{self.packets.namespace or 'host'}/{self.packets}".replace(" ", "-")


class Means(Protocol):
    """How one kind is done: a module."""

    PROGRAMS: tuple[str, ...]

    def apply(self, asked: Disturbance) -> None: ...

    def remove(self, asked: Disturbance) -> bool:
        """Whether there was anything of it."""
        ...

    def removal(self, asked: Disturbance) -> list[list[str]]:
        """The same as commands, for the process that ends it after its time."""
        ...

    def left(self, asked: Disturbance) -> list[str]:
        """What of it is in the kernel's tables, a sentence each."""
        ...

    def look(self, asked: Disturbance) -> tuple[bool, str]:
        """Whether packets feel it, by the kernel's counters."""
        ...

    def obstacle(self, asked: Disturbance) -> str:
        """Why it cannot be applied there; empty where it can."""
        ...


KINDS: Mapping[str, tuple[str, str, float, float]] = {
    "lose_packets": (LOSS, "percent", 0.01, 100.0),
    "limit_bandwidth": (BANDWIDTH, "rate_kb_s", 1.0, 10e6),
    "delay_packets": (LATENCY, "delay_ms", 1.0, 60_000.0),
}
"""By the action's function: its kind, and the argument that says how much, with its bounds."""


def read(run: str, function: str, given: Mapping[str, Any]) -> Disturbance:
    """What an action asks, by its arguments. Raises EnvironmentFailure for what cannot be done."""
    kind, argument, least, most = KINDS[function]
    packets = selection.read({"direction": "both" if kind == LOSS else "from", **_said(given)})
    if kind == BANDWIDTH and not packets.interface:
        raise errors.EnvironmentFailure("limit_bandwidth needs the interface that the packets leave by")
    amount = _number(argument, given.get(argument), least, most)
    found = Disturbance(
        kind=kind,
        name="",
        packets=packets,
        seconds=_number("seconds", given.get("seconds"), 0.1, LONGEST_S),
        amount=amount,
        jitter=_number("jitter_ms", given.get("jitter_ms", 0), 0.0, amount) if kind == LATENCY else 0.0,
    )
    return replace(found, name=identity.name(run, codec.encode(found)))


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was said: an empty value says nothing."""
    return {name: value for name, value in given.items() if value not in (None, "", [], (), 0)}


def _number(name: str, value: Any, least: float, most: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise errors.EnvironmentFailure(f"{name} has to be a number, not {value!r}") from None
    if not least <= number <= most:
        raise errors.EnvironmentFailure(f"{name} has to be from {least:g} to {most:g}, not {number:g}")
    return number
