"""Everything that watches one run: the prober's traffic, the team's monitoring and alerts, the guard, new listeners on this machine.

They live from the first process to the verdict, and share the series that they measure and judge.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from runner.engine.observe.checks import Checks
from runner.engine.observe.listeners import Listeners
from runner.engine.observe.progress import Progress
from runner.engine.observe.sources import Sources
from runner.engine.observe.traffic import Traffic
from runner.engine.run_context import RunContext
from runner.plan import translate

if TYPE_CHECKING:
    from runner.engine.observe.detection import Detecting
    from runner.engine.observe.guard_loop import Watch
    from runner.slo.counts import Point
    from runner.slo.objective import Objective
    from runner.slo.sample import Sample
    from runner.slo.series import Series
    from runner.slo.verdict import Judgement
    from runner.timeline.mark import Indicator


class Observers:
    """Mutable, one a run."""

    def __init__(self, context: RunContext) -> None:
        session, experiment = context.session, context.experiment
        self.traffic = Traffic(session, experiment.block.traffic, context.where.around)
        self.objectives = translate.objectives(experiment)
        self.sources = Sources(session, experiment, self.objectives)
        self.checks = Checks(session, experiment, context.where.around)
        self.series: dict[str, Series] = {**self.traffic.series, **self.sources.series, **self.checks.series}
        self.progress = Progress()
        self.listeners = Listeners(session, experiment)
        self.access: Mapping[str, Mapping[str, Any]] = experiment.access
        """The secrets of each source, those of a vault too as soon as it was asked: never to be written anywhere."""
        self._context = context
        self._watching: asyncio.Task[None] | None = None

    @cached_property
    def detecting(self) -> Detecting:
        """Imported when it is wanted, like the watch: whoever waits for the first request need not wait for them."""
        from runner.engine.observe.detection import Detecting

        return Detecting(self._context.session, self._context.experiment, self.access)

    @cached_property
    def watch(self) -> Watch:
        """Every 50 ms from the baseline on."""
        from runner.engine.observe.guard_loop import Watch

        session, experiment = self._context.session, self._context.experiment
        return Watch(session, experiment, self.traffic, self.series, self.objectives, self.progress)

    def start_watching(self) -> None:
        """From now on the watch ticks."""
        self._watching = asyncio.create_task(self.watch.run())
        self.listeners.note()

    async def stop_watching(self) -> None:
        """No more ticks: what ends now is no reason to stop the run."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    async def stop_measuring(self) -> None:
        """The last requests, readings and answers are in when this returns."""
        await asyncio.gather(
            self.traffic.stop(),
            self.sources.stop(),
            self.checks.stop(),
            self.detecting.look_back(),
            self.listeners.tell(),
        )

    async def close(self) -> None:
        """End everything, in whatever state."""
        await asyncio.gather(self.traffic.close(), self.sources.close(), self.checks.close(), self.detecting.close())

    def indicators(self) -> tuple[Indicator, ...]:
        """For the record, with where the samples of each are."""
        return (*self.traffic.indicators(), *self.sources.indicators(), *self.checks.indicators())

    def measured(self) -> dict[str, Sequence[Sample] | Sequence[Point]]:
        """What was measured, by indicator: requests of ours, or what sources counted."""
        counted = {**self.sources.series, **self.checks.series}
        return {**self.traffic.samples, **{name: series.points for name, series in counted.items()}}

    def judge(self, objective: Objective, start_ns: int, end_ns: int, *, settled: bool = False) -> Judgement:
        """One objective over a window; `settled`: requests that the prober still waited for at its end count neither way."""
        from runner.slo import counts, verdict

        series = self.series[objective.indicator]
        if isinstance(series, counts.Counts):
            return counts.judge(objective, series, start_ns, end_ns)
        samples, now_ns = self.traffic.samples[series.name], series.now_ns if settled else None
        until_ns = self.traffic.until_ns if settled else 0
        rate, timeout_s = series.rate, series.timeout_s
        return verdict.judge(
            objective, samples, start_ns, end_ns, rate=rate, timeout_s=timeout_s, now_ns=now_ns, until_ns=until_ns
        )
