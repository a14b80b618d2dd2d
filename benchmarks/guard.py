"""What the guard costs a tick: a run of some minutes, all kinds of rules, at three rates, healthy and in an outage.

    python benchmarks/guard.py

Prints microseconds of one 50 ms tick, for taking in the samples and for deciding, and the share of one core that makes.
"""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass, field

from runner.slo.guard import Guard
from runner.slo.guard_set import GuardSet
from runner.slo.guards.budget import BudgetSpent
from runner.slo.guards.connection_errors import ConnectionErrors
from runner.slo.guards.duration import Duration
from runner.slo.guards.error_ratio import ErrorRatio
from runner.slo.guards.evidence import Evidence
from runner.slo.guards.latency import Latency
from runner.slo.guards.timeout_ratio import TimeoutRatio
from runner.slo.objective import Objective
from runner.slo.sample import Flag, Sample
from runner.slo.series import BUCKET_NS, Series

TIMEOUT_S = 2.0
OBJECTIVES = (
    Objective("availability", "web", "availability", 0.999),
    Objective("latency", "web", "latency", 0.95, 0.5),
)
RULES: tuple[Guard, ...] = (
    ErrorRatio("web", 1.0, 10),
    TimeoutRatio("web", 1.0, 60),
    Latency("web", 1.9, 1, 10),
    ConnectionErrors("web", 1_000_000_000),
    BudgetSpent("availability", 1.0),
    Evidence("availability", alpha=1e-300),
    Evidence("latency", alpha=1e-300),
    Duration(1e9),
)


@dataclass
class Costs:
    """Nanoseconds of every tick."""

    absorb: list[int] = field(default_factory=list)
    decide: list[int] = field(default_factory=list)

    def line(self, name: str) -> str:
        together = [a + d for a, d in zip(self.absorb, self.decide, strict=True)]
        median, p99 = statistics.median(together) / 1000, sorted(together)[len(together) * 99 // 100] / 1000
        parts = f"absorb {statistics.median(self.absorb) / 1000:7.0f} µs  decide {statistics.median(self.decide) / 1000:6.0f} µs"
        return f"{name:<24} {parts}  tick p50 {median:7.0f} µs  p99 {p99:7.0f} µs  core {median / 50_000:6.1%}"


def run(rate: int, hanging: bool, ticks: int = 100, warm_s: int = 120) -> Costs:
    """Ticks at `rate` a second after `warm_s` seconds of history; `hanging` keeps two seconds of requests pending."""
    random_ = random.Random(1)
    series, per_tick = Series("web", rate, TIMEOUT_S), max(1, rate // 20)
    guard = GuardSet(RULES, {"web": series}, OBJECTIVES, 0)

    def batch(start_ns: int) -> list[Sample]:
        flags, fixed = (Flag.TIMEOUT, 2_000_000) if hanging else (0, 0)
        step = BUCKET_NS // per_tick
        return [
            Sample(
                start_ns + i * step, 40, fixed or int(random_.expovariate(1 / 3000)), 200, flags | Flag.SENT | Flag.DONE
            )
            for i in range(per_tick)
        ]

    for tick in range(warm_s * 20):
        series.absorb([s._replace(flags=3, latency_us=2000) for s in batch(tick * BUCKET_NS)], [], tick * BUCKET_NS)
    costs = Costs()
    for tick in range(warm_s * 20, warm_s * 20 + ticks):
        now = (tick + 41) * BUCKET_NS if hanging else (tick + 1) * BUCKET_NS
        ended = batch(tick * BUCKET_NS)
        step = BUCKET_NS // per_tick
        starts = range((tick + 1) * BUCKET_NS, now, step) if hanging else range(0)
        pending = [Sample(start, 40, 0, 0, int(Flag.SENT)) for start in starts]
        began = time.perf_counter_ns()
        series.absorb(ended, pending, now)
        taken = time.perf_counter_ns()
        if (breach := guard.tick(now)) is not None:
            raise SystemExit(f"the benchmark stopped itself: {breach.sentence}")
        costs.absorb.append(taken - began)
        costs.decide.append(time.perf_counter_ns() - taken)
    return costs


if __name__ == "__main__":
    for rate in (100, 1000, 2000):
        for hanging in (False, True):
            print(run(rate, hanging).line(f"{rate}/s, {'all hanging' if hanging else 'healthy'}"), flush=True)
