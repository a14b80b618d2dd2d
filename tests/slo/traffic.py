"""Traffic for the arithmetic: what a tape would hold of requests that went as a story says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runner.slo.sample import Flag, Sample
from runner.slo.series import Series

SECOND = 1_000_000_000
START = 5_000 * SECOND
TICK = 50_000_000

Story = Callable[[float, int], tuple[int, float]]
"""Seconds since the start and number of the request -> flags beyond SENT and DONE, and latency in seconds."""

GOOD: tuple[int, float] = (0, 0.002)
REFUSED: tuple[int, float] = (int(Flag.CONNECTION), 0.0003)


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)


def since(moment_ns: int) -> float:
    return (moment_ns - START) / SECOND


def one(seconds: float, flags: int = 0, latency_s: float = 0.002) -> Sample:
    return Sample(at(seconds), 50, round(latency_s * 1e6), 0 if flags else 200, flags | Flag.SENT | Flag.DONE)


@dataclass
class Traffic:
    """`seconds` of open-loop requests at `rate` a second, played into a series tick by tick as the engine would."""

    rate: float
    seconds: float
    story: Story
    timeout_s: float = 1.0
    name: str = "storefront"

    def __post_init__(self) -> None:
        moments = [i / self.rate for i in range(int(self.seconds * self.rate))]
        self.samples = [one(t, *self.story(t, i)) for i, t in enumerate(moments)]
        self.series = Series(self.name, self.rate, self.timeout_s)

    def ticks(self) -> Iterator[int]:
        """Each 50 ms: the series knows what had ended by then, and what was pending."""
        by_end = sorted(self.samples, key=_end)
        first = sent = ended = 0
        for now in range(START + TICK, at(self.seconds) + 1, TICK):
            while sent < len(self.samples) and self.samples[sent].intended_ns <= now:
                sent += 1
            before = ended
            while ended < len(by_end) and _end(by_end[ended]) <= now:
                ended += 1
            while first < sent and _end(self.samples[first]) <= now:
                first += 1
            pending = [Sample(s.intended_ns, 50, 0, 0, Flag.SENT) for s in self.samples[first:sent] if _end(s) > now]
            self.series.absorb(by_end[before:ended], pending, now)
            yield now


def _end(sample: Sample) -> int:
    return sample.intended_ns + sample.latency_us * 1000
