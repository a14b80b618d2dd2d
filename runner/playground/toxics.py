"""What toxics do to one direction of one connection: when which bytes go on, and when it ends. After Toxiproxy's; no input or output.

`timeout` and `reset_peer` count from the first data. `http_error` and `limit_connections` are not Toxiproxy's, but ours.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

DOWNSTREAM, UPSTREAM = "downstream", "upstream"
"""Answers to the client; what the client sends."""
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "latency": ("latency", "jitter"),
    "bandwidth": ("rate",),
    "slow_close": ("delay",),
    "timeout": ("timeout",),
    "reset_peer": ("timeout",),
    "slicer": ("average_size", "size_variation", "delay"),
    "limit_data": ("bytes",),
    "http_error": ("status",),
    "limit_connections": ("connections",),
}
"""Every type with its attributes, whole numbers that are 0 where they are not given."""
REASONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}

Toxic = Mapping[str, Any]
"""As the API has it."""
Pieces = Iterator[tuple[float, bytes]]


class Flow:
    """The bytes of one direction on their way, each with the moment at which it goes on."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.held: deque[tuple[float, bytes]] = deque()
        self.size = 0
        """Bytes that are held."""
        self.ends_at: float | None = None
        """When its end is passed on."""
        self.cut_at: float | None = None
        """When the whole connection is closed."""
        self.reset_at: float | None = None
        """When the whole connection is reset."""
        self.answer = b""
        """To be sent back in the place of everything else."""
        self._hit: dict[str, bool] = {}
        self._last: dict[str, float] = {}
        self._passed: dict[str, int] = {}

    def put(self, now: float, data: bytes, toxics: Sequence[Toxic]) -> None:
        """Some bytes come in."""
        pieces: Pieces = iter([(now, data)])
        for toxic in toxics:
            if toxic["stream"] == self.stream and self._is_hit(toxic):
                pieces = self._through(_EFFECTS[toxic["type"]], toxic, pieces)
        for due, piece in pieces:
            self.held.append((due, piece))
            self.size += len(piece)

    def end(self, now: float, toxics: Sequence[Toxic]) -> None:
        """Nothing more comes in."""
        mine = [t for t in toxics if t["type"] == "slow_close" and t["stream"] == self.stream and self._is_hit(t)]
        delay = sum(t["attributes"]["delay"] for t in mine) / 1000
        self.ends_at = max(now, self.held[-1][0] if self.held else now) + delay

    def due(self, now: float) -> Iterator[bytes]:
        """What goes on by now, in order."""
        while self.held and self.held[0][0] <= now:
            _, data = self.held.popleft()
            self.size -= len(data)
            yield data

    def next(self) -> float | None:
        """When there is something to do."""
        moments = [self.held[0][0] if self.held else None, self.ends_at, self.cut_at, self.reset_at]
        return min((moment for moment in moments if moment is not None), default=None)

    def release(self, now: float, toxics: Sequence[Toxic]) -> None:
        """Toxics have come or gone: what is held goes on at once, and what they would have ended goes on living."""
        self.held = deque((now, data) for _, data in self.held)
        self.ends_at = None if self.ends_at is None else now
        self.cut_at = self.reset_at = None
        names = {toxic["name"] for toxic in toxics}
        for known in (self._hit, self._last, self._passed):
            for name in [name for name in known if name not in names]:
                del known[name]

    def _is_hit(self, toxic: Toxic) -> bool:
        """Drawn once for each connection."""
        return self._hit.setdefault(toxic["name"], random.random() < toxic["toxicity"])

    def _through(self, effect: Callable[[Flow, Toxic, float, bytes], Pieces], toxic: Toxic, pieces: Pieces) -> Pieces:
        for at, data in pieces:
            yield from effect(self, toxic, at, data)

    def _after(self, toxic: Toxic, at: float) -> float:
        """Not before what came before."""
        moment = max(at, self._last.get(toxic["name"], at))
        self._last[toxic["name"]] = moment
        return moment

    def latency(self, toxic: Toxic, at: float, data: bytes) -> Pieces:
        asked = toxic["attributes"]
        delay = max(0.0, asked["latency"] + asked["jitter"] * random.uniform(-1, 1)) / 1000
        yield self._after(toxic, at + delay), data

    def bandwidth(self, toxic: Toxic, at: float, data: bytes) -> Pieces:
        rate = max(1, toxic["attributes"]["rate"]) * 1000
        for piece in _cut(data, lambda: rate // 10):
            done = self._after(toxic, at) + len(piece) / rate
            yield self._after(toxic, done), piece

    def slicer(self, toxic: Toxic, at: float, data: bytes) -> Pieces:
        asked = toxic["attributes"]
        size, spread = max(1, asked["average_size"]), asked["size_variation"]
        for piece in _cut(data, lambda: max(1, size + random.randint(-spread, spread))):
            moment = self._after(toxic, at)
            yield moment, piece
            self._last[toxic["name"]] = moment + asked["delay"] / 1e6

    def limit_data(self, toxic: Toxic, at: float, data: bytes) -> Pieces:
        left = toxic["attributes"]["bytes"] - self._passed.get(toxic["name"], 0)
        self._passed[toxic["name"]] = self._passed.get(toxic["name"], 0) + len(data)
        if left > 0:
            yield at, data[:left]
        if len(data) >= left:
            self.cut_at = self.cut_at or at

    def timeout(self, toxic: Toxic, at: float, data: bytes) -> Pieces:
        if toxic["attributes"]["timeout"]:
            self.cut_at = self.cut_at or at + toxic["attributes"]["timeout"] / 1000
        yield from ()

    def reset_peer(self, toxic: Toxic, at: float, data: bytes) -> Pieces:
        self.reset_at = self.reset_at or at + toxic["attributes"]["timeout"] / 1000
        yield from ()

    def http_error(self, toxic: Toxic, at: float, data: bytes) -> Pieces:
        """The request goes no further: it is answered here."""
        status = toxic["attributes"]["status"] or 500
        said = f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self.answer = self.answer or said.encode()
        yield from ()

    def untouched(self, toxic: Toxic, at: float, data: bytes) -> Pieces:
        yield at, data


_EFFECTS: Mapping[str, Callable[[Flow, Toxic, float, bytes], Pieces]] = {
    "latency": Flow.latency,
    "bandwidth": Flow.bandwidth,
    "slow_close": Flow.untouched,
    "timeout": Flow.timeout,
    "reset_peer": Flow.reset_peer,
    "slicer": Flow.slicer,
    "limit_data": Flow.limit_data,
    "http_error": Flow.http_error,
    "limit_connections": Flow.untouched,
}


def most_connections(toxics: Sequence[Toxic]) -> int | None:
    """How many connections at once are let in; None: any number."""
    return min((t["attributes"]["connections"] for t in toxics if t["type"] == "limit_connections"), default=None)


def _cut(data: bytes, size: Callable[[], int]) -> Iterator[bytes]:
    while data:
        end = size()
        yield data[:end]
        data = data[end:]
