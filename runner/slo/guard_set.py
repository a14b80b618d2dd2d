"""Guard set: all guards of a run, asked on every tick whether it has to stop, and how far from it each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runner import units
from runner.slo.guard import Guard, Observed, Reading
from runner.slo.guards.no_data import NoData
from runner.slo.objective import Objective
from runner.slo.series import Series

HEARTBEAT_S = 1.0


@dataclass(frozen=True, slots=True)
class Breach:
    """Why the run has to stop, since when (monotonic ns) it is so, and how far off that may be, in seconds."""

    key: str
    """Of the guard; `prober` where there is nobody left who measures."""
    condition: str
    """The guard's sentence, as plan and screen have it."""
    sentence: str
    """The same with what was measured."""
    since_ns: int
    error_s: float = 0.05
    users_hurt: bool = False


def always_on(given: Iterable[Guard], *, watched: bool) -> tuple[Guard, ...]:
    """The file's guards, and one against silence where anything is measured: no data is never good."""
    guards = tuple(given)
    silent = watched and not any(isinstance(g, NoData) for g in guards)
    return (*guards, NoData()) if silent else guards


class GuardSet:
    """Mutable, alive for one run, from `started_ns` on. Hard limits hold at any moment; evidence is wrong at most alpha of the time."""

    def __init__(
        self, given: Iterable[Guard], series: Mapping[str, Series], objectives: Iterable[Objective], started_ns: int
    ) -> None:
        self.guards = always_on(given, watched=bool(series))
        self._seen = Observed(self.guards, series, objectives, started_ns)
        for one in self._seen.objectives.values():
            series[one.indicator].rely_on(one.criterion)
        self._evaluators = [(guard, guard.evaluator(self._seen)) for guard in self.guards]

    def tick(self, now_ns: int, heartbeat_ns: int | None = None) -> Breach | None:
        """The first guard that is breached; a heartbeat of the prober older than a second is a breach of its own."""
        if heartbeat_ns is not None and now_ns - heartbeat_ns > HEARTBEAT_S * 1e9:
            age = units.format_duration((now_ns - heartbeat_ns) / 1e9)
            silent = f"the prober has been silent for {age}: nothing is being measured"
            return Breach("prober", "the prober is silent", silent, heartbeat_ns)
        for guard, evaluate in self._evaluators:
            found = evaluate(now_ns)
            if found.since_ns is not None:
                told = guard.message(found)
                return Breach(guard.key, guard.sentence, told, found.since_ns, found.error_s, guard.users_hurt)
        return None

    def readings(self, now_ns: int | None = None) -> list[tuple[Guard, Reading]]:
        """Every guard as it stands, in the file's order."""
        told_ns = (s.now_ns for s in self._seen.series.values())
        now = max(told_ns, default=self._seen.started_ns) if now_ns is None else now_ns
        return [(guard, evaluate(now)) for guard, evaluate in self._evaluators]
