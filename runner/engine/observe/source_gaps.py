"""Answers: when each source of alerts answered last, and the stretches in which one could not be asked."""

from __future__ import annotations

from dataclasses import dataclass

from runner import units

SHORT_NS = 1_000_000_000
"""Nothing is said of a stretch shorter than this: what happens in it is still there at the next look."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One source (by its name) that answered at `since_ns` and not again before `until_ns` (monotonic)."""

    source: str
    since_ns: int
    until_ns: int


class Answers:
    """Mutable: told of every try."""

    def __init__(self) -> None:
        self.heard: dict[str, int] = {}
        """When each source answered last (monotonic)."""
        self.gaps: list[Gap] = []
        self._failing: set[str] = set()

    def came(self, source: str, now_ns: int) -> None:
        """It answered."""
        if source in self._failing:
            self.gaps.append(Gap(source, self.heard[source], now_ns))
            self._failing.discard(source)
        self.heard[source] = now_ns

    def failed(self, source: str) -> None:
        """It did not."""
        self._failing.add(source)

    def end(self, source: str, now_ns: int) -> None:
        """It is asked no more, and had not answered since it was asked at the end."""
        self._failing.discard(source)
        self.gaps.append(Gap(source, self.heard[source], now_ns))

    def remembered(self, source: str, now_ns: int) -> None:
        """It told afterwards what it had not told meanwhile."""
        self.gaps = [gap for gap in self.gaps if gap.source != source]
        self.heard[source] = now_ns

    def missing(self, since_ns: int, sources: set[str] | None = None) -> list[Gap]:
        """Stretches after a moment in which one of these (default: any) could not be asked, in order of time."""
        late = [g for g in self.gaps if g.until_ns - max(g.since_ns, since_ns) >= SHORT_NS]
        return sorted((g for g in late if sources is None or g.source in sources), key=lambda g: g.since_ns)


def told(gaps: list[Gap]) -> str:
    """Stretches in words; empty without any."""
    parts: dict[str, int] = {}
    for gap in gaps:
        parts[gap.source] = parts.get(gap.source, 0) + gap.until_ns - gap.since_ns
    return " and ".join(
        f"{name} could not be asked for {units.format_duration(round(ns / 1e9))}" for name, ns in parts.items()
    )
