"""One fault in one of Toxiproxy's proxies: what it is, by which name it is found again, and how its API says it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner import errors
from runner.faults import identity

VARIABLE = "TOXIPROXY_URL"
"""Where Toxiproxy's API is, for an action that does not say."""
DEFAULT = "http://127.0.0.1:8474"
DOWN = "down"
"""Not a toxic: the whole proxy is disabled. That says nothing of who did it, so a toxic that does nothing is put in first, as our sign."""
SIGN = {"type": "latency", "toxicity": 0, "attributes": {"latency": 0, "jitter": 0}}
PLAYGROUNDS = ("http_error", "limit_connections")
"""Types that only the proxies of the playground have, and no Toxiproxy."""
STREAMS = ("downstream", "upstream")

WORDS: Mapping[str, str] = {
    "latency": "{latency} ms (± {jitter} ms) of latency",
    "bandwidth": "{rate} KB/s of bandwidth",
    "slow_close": "closing delayed by {delay} ms",
    "timeout": "no data, and the connection closed after {timeout} ms",
    "reset_peer": "connections reset after {timeout} ms",
    "slicer": "data in slices of {average_size} ± {size_variation} bytes, {delay} µs apart",
    "limit_data": "connections closed after {bytes} bytes",
    DOWN: "proxy disabled",
    "http_error": "HTTP {status} to every request",
    "limit_connections": "{connections} connections at most",
}
"""What each type does, for people; `timeout` 0 is said otherwise."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What an action asks of Toxiproxy."""

    proxy: str
    type: str
    attributes: Mapping[str, int] = field(default_factory=dict)
    stream: str = STREAMS[0]
    toxicity: float = 1.0
    url: str
    page: str = ""
    """The address of one that comes through the proxy."""

    def name(self, run: str) -> str:
        """Of its toxic: the same for whoever asks."""
        return identity.name(run, {**self.toxic(""), "proxy": self.proxy})

    def toxic(self, name: str) -> dict[str, Any]:
        """As Toxiproxy's API takes and gives it; of a proxy that is disabled our sign."""
        if self.type == DOWN:
            return {"name": name, "stream": self.stream, **SIGN}
        return {
            "name": name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": self.toxicity,
            "attributes": dict(self.attributes),
        }

    def __str__(self) -> str:
        words = WORDS[self.type] if self.type != "timeout" or self.attributes["timeout"] else "no data at all"
        said = words.format(**self.attributes).replace(" (± 0 ms)", "").replace(" ± 0 bytes", " bytes")
        if self.type in (DOWN, "limit_connections"):
            return said
        share = "" if self.toxicity == 1 else f", on {self.toxicity:.3g} of all connections"
        return f"{said}{share} ({self.stream})"


def address(url: str, env: Mapping[str, str] = os.environ) -> str:
    """Toxiproxy's URL: the one that is given, else the environment's, else the one it has by default."""
    found = url or env.get(VARIABLE) or DEFAULT
    return (found if "://" in found else f"http://{found}").rstrip("/")


def whole(name: str, value: Any, *, least: int = 0) -> int:
    """A whole number of an argument, also where a variable made it a text. Raises UsageError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if number != number // 1 or number < least:
        raise errors.UsageError(f"{name} is {value!r}, and has to be a whole number from {least} up")
    return int(number)


def share(value: Any) -> float:
    """Which share of the connections is hit. Raises UsageError; of 0 too, for Toxiproxy does not leave such connections alone."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 < number <= 1:
        raise errors.UsageError(f"toxicity is {value!r}, and has to be more than 0 and at most 1")
    return number


def direction(value: str) -> str:
    """Raises UsageError."""
    if value not in STREAMS:
        raise errors.UsageError(f"stream is {value!r}, and has to be downstream (answers) or upstream (requests)")
    return value
