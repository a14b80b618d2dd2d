"""How long the prober's event loop stalled (stopped, starved or busy): answers that came meanwhile were read late through our own fault."""

from __future__ import annotations

FREE_NS = 100_000_000
"""Less between two beats is how an event loop lives: a tenth of what users wait for, and of any timeout of a second."""


class LoopStalls:
    """Mutable, one a prober. A request that was under way meanwhile may have been answered long before we read it."""

    def __init__(self, now_ns: int) -> None:
        self._last_ns = now_ns
        self._missed_ns = 0

    def beat(self, now_ns: int) -> None:
        """The loop looks."""
        self._missed_ns = self.missed_ns(now_ns)
        self._last_ns = now_ns

    def missed_ns(self, now_ns: int) -> int:
        """How long it did not, all in all, in nanoseconds; what has just ended and no beat has seen is in it."""
        gap_ns = now_ns - self._last_ns
        return self._missed_ns + (gap_ns if gap_ns > FREE_NS else 0)
