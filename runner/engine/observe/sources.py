"""Sources: the team's own monitoring in a run: polled on its own interval, kept on disk, and handed to guard and judge as counts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import clock, errors, units
from runner.engine.session import Session
from runner.experiment import model
from runner.experiment.experiment import Experiment
from runner.timeline.mark import Indicator
from runner.timeline.vocabulary import MarkName

if TYPE_CHECKING:
    from runner.probe.metered import Metered
    from runner.probe.prometheus import Prometheus
    from runner.slo.counts import Counts
    from runner.slo.objective import Objective

SKEW_S = 1.0
"""A clock that is further off than this is worth a word."""


@dataclass
class _Meter:
    metered: Metered
    counts: Counts
    path: Path
    url: str


class Sources:
    """Every indicator of an experiment that somebody else measures. Without any, nothing is imported or started."""

    def __init__(self, session: Session, experiment: Experiment, objectives: Sequence[Objective]) -> None:
        self._session = session
        self._metrics = experiment.metrics
        self._objectives = {o.indicator: o for o in objectives}
        self._named = {s.name: s for s in experiment.block.sources}
        self.series = self._counters()
        self._clients: dict[str, Prometheus] = {}
        self._meters: list[_Meter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.standing: tuple[str, ...] = ()
        """What is known of each objective before the run: budget spent, and whether it can be judged."""

    def _counters(self) -> dict[str, Counts]:
        if not self._metrics:
            return {}
        from runner.slo.counts import Counts

        return {m.name: Counts(m.name, self._named[m.source].interval) for m in self._metrics}

    async def open(self, judged_s: float, access: Mapping[str, Mapping[str, Any]]) -> None:
        """Reach every source and take a first reading; what stands there already is told. Raises EnvironmentFailure.

        `access` are the secrets of each source, by its name.
        """
        if not self.series:
            return
        await asyncio.gather(*(self._connect(s, access.get(s.name, {})) for s in self._used()))
        await asyncio.gather(*(self._first(m) for m in self._meters))
        self.standing = tuple(await asyncio.gather(*(self._stand(m, judged_s) for m in self._meters)))

    def start(self) -> None:
        """Poll from now on."""
        self._tasks = [asyncio.create_task(self._follow(meter)) for meter in self._meters]

    async def stop(self) -> None:
        """One last look at each, then no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            await asyncio.gather(*(self._ask(meter) for meter in self._meters))
        self._tasks = []
        injected = self._session.marked(MarkName.INJECTED)
        for meter in self._meters:
            self._lose(meter, over=True)
            if injected is not None:
                self._say_lost(meter, injected.mono_ns - round(injected.error_s * 1e9))

    def _say_lost(self, meter: _Meter, since_ns: int) -> None:
        """What is unknown of the window that is judged, which began then."""
        lost = [one for one in meter.counts.lost if one.at_ns > since_ns]
        if times := len(lost):
            about = sum(one.between(since_ns, one.at_ns) for one in lost)
            often = "once" if times == 1 else f"{times} times"
            what = f"events after the last reading of a process are unknown, about {about:,.0f}"
            said = f"{what}: it restarted, ended or was no longer scraped"
            self._session.find("warning" if about >= 0.5 else "info", f"{meter.counts.name}: {said} {often}")

    def _lose(self, meter: _Meter, *, over: bool = False) -> None:
        """Keep what was lost with a counter."""
        from runner.slo.counts import Lost

        offset = meter.metered.offset_s
        for gap in meter.metered.gaps(over=over).values():
            lost = Lost(self._mono_ns(gap.since - offset), self._mono_ns(gap.at - offset), round(gap.events, 3))
            if meter.counts.lose(lost):
                times: dict[str, object] = {"t": gap.at, "mono_ns": lost.at_ns, "since_ns": lost.since_ns}
                self._write(meter, times | {"lost": lost.events})

    async def close(self) -> None:
        """End everything, in whatever state."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(client.close() for client in self._clients.values()))

    def indicators(self) -> tuple[Indicator, ...]:
        """For the record."""
        return tuple(
            Indicator(
                name=m.counts.name,
                url=m.url,
                rate=m.counts.rate,
                timeout_s=0.0,
                tape=m.path.name,
                seen_ns=m.counts.now_ns,
            )
            for m in self._meters
        )

    def _used(self) -> list[model.Source]:
        asked = {m.source for m in self._metrics}
        return [source for name, source in self._named.items() if name in asked]

    async def _connect(self, source: model.Source, access: Mapping[str, Any]) -> None:
        from runner.checks.check import NoData
        from runner.probe.metered import Metered  # httpx takes longer to import than most runs take to begin
        from runner.probe.prometheus import Prometheus
        from runner.slo.counts import SUFFIX

        client = Prometheus(source.name, source.prometheus, source.timeout, access, verify=source.verify)
        self._clients[source.name] = client
        try:
            offset, error = await client.clock_offset_s()
        except NoData as problem:
            hint = "nothing was injected; check its URL and its secrets"
            raise errors.EnvironmentFailure(
                f"the source {source.name!r}, {source.prometheus}: {problem}", hint=hint
            ) from None
        if abs(offset) > SKEW_S + error:
            late = units.format_duration(abs(offset))
            way = "ahead of" if offset > 0 else "behind"
            self._session.find(
                "warning", f"the clock of {source.name} is {late} {way} ours; its timestamps are corrected"
            )
        for metric in self._metrics:
            if metric.source == source.name:
                path = self._session.folder / (re.sub(r"[^A-Za-z0-9_.-]+", "_", metric.name) + SUFFIX)
                metered = Metered(metric, client, source.interval, offset)
                self._meters.append(_Meter(metered, self.series[metric.name], path, source.prometheus))

    async def _first(self, meter: _Meter) -> None:
        """A query that gives nothing usable at the start is an error of the file or of the source, not of the service."""
        from runner.checks.check import NoData

        metric = meter.metered.metric
        try:
            await meter.metered.ask(self._now_s())
        except NoData as problem:
            told = f"the source {metric.source!r} has no data for {metric.name!r}: {problem}"
            raise errors.EnvironmentFailure(
                told, hint=f"try its query there: {' and '.join(filter(None, (metric.query, metric.total)))}"
            ) from None
        meter.counts.expect(meter.metered.step_s)
        if meter.metered.nothing_bad_yet:
            said = "no series matches its query for bad events: none has happened yet, or it is misspelt"
            self._session.find("warning", f"{metric.name}: {said}: {metric.query}")
        head = {"indicator": metric.name, "source": metric.source, **metric.head}
        self._write(meter, head | {"how": metric.how, "step_s": meter.metered.step_s, "t": clock.rfc3339(self._session.started),
                                   "mono_ns": self._session.started_ns, "offset_s": meter.metered.offset_s})  # fmt: skip

    async def _stand(self, meter: _Meter, judged_s: float) -> str:
        """One sentence: how the objective stood before the run."""
        from runner.slo import counts, power

        objective = self._objectives[meter.counts.name]
        spent = await self._spent(meter, objective)
        if objective.slice_s is not None and meter.metered.apart_s > objective.slice_s:
            step, length = units.format_duration(meter.metered.apart_s), units.format_duration(objective.slice_s)
            spent += f"; it is read every {step}, which says nothing about each slice of {length}"
        rate = await meter.metered.usual_rate(self._now_s())
        if rate:
            meter.counts.rate = rate
            return (
                f"{objective.name}: {spent}; {counts.of_events(power.can_decide(objective, rate, judged_s).sentence)}"
            )
        return f"{objective.name}: {spent}; how many events it will count is unknown"

    async def _spent(self, meter: _Meter, objective: Objective) -> str:
        """How much of the error budget is gone: burn rate x time since the window began / its length (docs/measurement.md 1.1)."""
        from runner.checks.check import NoData

        now, since_s, whole_s = self._now_s(), objective.window_s, objective.window_s
        window = f"{objective.window_s / 86400:g} days"
        if (calendar := meter.metered.metric.calendar) is not None:
            begin, end = calendar.around(self._session.clock.now())
            since_s, whole_s = now - begin.timestamp(), (end - begin).total_seconds()
            if since_s < 0:
                return f"its first window begins at {calendar.told(begin)}: nothing of its error budget is spent"
            days = f"{since_s / 86400:.3g} of {whole_s / 86400:.4g} days"
            window = f"the window that began at {calendar.told(begin)} ({days})"
        try:
            if objective.slice_s is None:
                share = await meter.metered.bad_share(since_s, now)
            else:
                share = await meter.metered.bad_slices(since_s, now, objective.slice_s, objective.slice_target)
        except NoData as problem:
            return f"how much of its error budget of {window} is spent is not known: {problem}"
        gone = share / objective.budget * since_s / whole_s
        return f"{units.format_ratio(gone)} of its error budget of {window} already spent"

    async def _follow(self, meter: _Meter) -> None:
        """Ask again and again, on a grid of our own so that a slow answer does not make it drift."""
        interval, begun, n = meter.metered.interval_s, self._session.clock.monotonic(), 0
        while True:
            n = max(n + 1, int((self._session.clock.monotonic() - begun) / 1e9 / interval) + 1)
            due = begun + round(n * interval * 1e9)
            await self._session.clock.sleep(max(0.0, (due - self._session.clock.monotonic()) / 1e9))
            await self._ask(meter)

    async def _ask(self, meter: _Meter) -> None:
        from runner.checks.check import NoData
        from runner.slo.counts import Point

        before = meter.metered.news_at
        try:
            found = await meter.metered.ask(self._now_s())
        except NoData as problem:
            meter.counts.trouble = f"{meter.metered.metric.source}: {problem}"
            self._write(meter, {"t": round(self._now_s(), 3), "no_data": str(problem)})
            return
        offset = meter.metered.offset_s
        points = [Point(self._mono_ns(moment - offset), bad, total) for moment, bad, total in found]
        for (moment, bad, total), point in zip(found, points, strict=True):
            self._write(meter, {"t": moment, "mono_ns": point.at_ns, "good": total - bad, "total": total})
        meter.counts.count(points)
        self._lose(meter)
        if meter.metered.news_at > before:
            meter.counts.seen(self._mono_ns(meter.metered.news_at - offset))

    def _now_s(self) -> float:
        return self._session.clock.now().timestamp()

    def _mono_ns(self, unix_s: float) -> int:
        return self._session.started_ns + round((unix_s - self._session.started.timestamp()) * 1e9)

    def _write(self, meter: _Meter, line: dict[str, object]) -> None:
        """A full disk is no reason to stop looking."""
        try:
            with meter.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as problem:
            self._session.find("warning", f"the counts of {meter.counts.name} cannot be kept: {problem.strerror}")
