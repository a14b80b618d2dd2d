"""Traffic: the prober process of a run, its tapes, and what they say so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import codec, errors
from runner.engine.session import Session
from runner.experiment.model import Traffic as Stream
from runner.experiment.model import status_ranges
from runner.probe import messages, proxies, tape
from runner.probe.messages import ProberMessage, ProberOrder
from runner.process import orphans, run_processes
from runner.process.child import Child
from runner.slo import answers
from runner.slo.answers import Answers
from runner.slo.sample import Sample
from runner.slo.series import Series
from runner.timeline.mark import Indicator

TAPE_S = 4 * 3600.0
"""How long traffic may last at most; the tapes are sparse, so it costs nothing."""

MIXED_NEW_AT_MOST = 100.0
"""New connections a second that mixed traffic opens at most: each keeps a local port for a minute, and there are some 28,000."""
BEFORE_THE_BASELINE: messages.Ranges = ((200, 499),)


class Traffic:
    """Every stream of the experiment; `poll` brings the series up to date."""

    def __init__(self, session: Session, streams: tuple[Stream, ...], env: Mapping[str, str]) -> None:
        """`env` is the prober's environment. Raises EnvironmentFailure for a proxy that it cannot go through."""
        self.streams = streams
        self._env = env
        self._proxies = {s.name: proxies.for_traffic(s.name, s.url, env) for s in streams}
        self.series = {s.name: Series(s.name, s.rate, s.timeout) for s in streams}
        self.samples: dict[str, list[Sample]] = {s.name: [] for s in streams}
        self.prober: Child[ProberOrder, ProberMessage] | None = None
        self.paths: dict[str, Path] = {}
        self.until_ns = 0
        """When the last request was due: the prober was told to stop."""
        self.status = {s.name: _status(s) for s in streams}
        """Which statuses are good, as inclusive ranges."""
        self.before: dict[str, dict[str, int]] = {s.name: {} for s in streams}
        """What the baseline answered, by status."""
        self._answers: dict[str, Answers] = {}
        self._session = session
        self._readers: dict[str, tape.Reader] = {}

    async def open(self, lifeline: int) -> None:
        """Start the prober; connections are warm and the tapes are there when it is ready. Raises EnvironmentFailure."""
        if not self.streams:
            return
        folder = self._session.folder
        environment = {**self._env, "CHAOS_RUN_LIFELINE": str(lifeline)}
        start = messages.Start(
            run=self._session.run,
            folder=str(folder),
            seed=self._session.started_ns % (1 << 31),
            limit_s=TAPE_S,
            indicators=tuple(_indicator(s, self._proxies[s.name]) for s in self.streams),
            on_orphan=tuple(orphans.argv(folder)),
        )
        self.prober = await Child.start(
            "prober",
            "runner.probe.prober",
            codec.encode(start),
            messages.PROBER,
            log=folder / "prober.log",
            env=environment | run_processes.mark(self._session.run, "prober"),
            pass_fds=[lifeline],
        )

    async def start(self) -> None:
        """Let the requests leave."""
        if self.prober is None:
            return
        ready = await self.prober.expect(messages.Ready, 20.0)
        self.paths = {name: Path(path) for name, path in ready.tapes.items()}
        self._readers = {name: tape.Reader(path) for name, path in self.paths.items()}
        await self.prober.send(messages.Begin())
        await self.prober.expect(messages.Started, 5.0)

    async def learn(self) -> dict[str, str]:
        """What was answered while nothing was broken is what users get, and good where the file says nothing else.

        The location of each stream's last redirect. Raises EnvironmentFailure.
        """
        if self.prober is None:
            return {}
        self.poll(self._session.clock.monotonic())
        for s in self.streams:
            self.before[s.name] = answers.statuses(self.samples[s.name])
            if s.expect.status is None:
                self.status[s.name] = answers.accepted(self.before[s.name])
        await self.prober.send(messages.Accept(status=self.status))
        return dict((await self.prober.expect(messages.Accepts, 5.0)).redirects)

    def count(self, start_ns: int, end_ns: int) -> None:
        """Count what was answered in the window that is judged."""
        for s in self.streams:
            self._answers[s.name] = answers.count(self.samples[s.name], start_ns, end_ns, s.timeout)

    def poll(self, now_ns: int) -> None:
        """Read what finished since the last poll."""
        for name, reader in self._readers.items():
            finished, pending = reader.poll()
            self.samples[name].extend(finished)
            self.series[name].absorb(finished, pending, now_ns)

    @property
    def heartbeat_ns(self) -> int | None:
        """When the prober last showed that it lives; None without traffic."""
        return min((r.header().heartbeat_ns for r in self._readers.values()), default=None)

    @property
    def dead(self) -> bool:
        """The prober has died: nothing more will be measured."""
        return self.prober is not None and not self.prober.running

    async def stop(self) -> None:
        """No more requests; those in flight still end. A prober that is dead has stopped already."""
        self.until_ns = self._session.clock.monotonic()
        if self.prober is not None and self.prober.running and await self.prober.send(messages.End()):
            longest = max(s.timeout for s in self.streams)
            try:
                await self.prober.expect(messages.Stopped, longest + 3)
            except errors.EnvironmentFailure as problem:
                self._session.find("warning", problem.message)
        self.poll(self._session.clock.monotonic())

    async def close(self) -> None:
        """End the prober, in order: without the word it would take the end of its pipe for our death."""
        if self.prober is not None:
            await self.prober.send(messages.End())
            await self.prober.close()

    def indicators(self) -> tuple[Indicator, ...]:
        """For the record."""
        return tuple(
            Indicator(
                name=s.name,
                url=s.url,
                rate=s.rate,
                timeout_s=s.timeout,
                tape=self.paths[s.name].name,
                seen_ns=self.series[s.name].now_ns,
                until_ns=self.until_ns,
                status=answers.ranges(self.status[s.name]),
                before=self.before[s.name],
                **_counted(self._answers.get(s.name)),
            )
            for s in self.streams
            if s.name in self.paths
        )


def _indicator(stream: Stream, proxy: str | None) -> messages.Indicator:
    return messages.Indicator(
        name=stream.name,
        url=stream.url,
        rate=stream.rate,
        timeout_s=stream.timeout,
        method=stream.method,
        headers=stream.headers,
        body=stream.body,
        status=_status(stream),
        new_every=_new_every(stream),
        proxy=proxy,
    )


def _status(stream: Stream) -> messages.Ranges:
    """What is good until the baseline is over: anything but a server's error, where the file says nothing."""
    return BEFORE_THE_BASELINE if stream.expect.status is None else status_ranges(stream.expect.status)


def _counted(found: Answers | None) -> dict[str, Any]:
    """The fields of the record's indicator."""
    if found is None:
        return {}
    return {
        "answered": dict(found.statuses),
        "failures": dict(found.failures),
        "new": found.new,
        "new_bad": found.new_bad,
        "kept": found.kept,
        "kept_bad": found.kept_bad,
    }


def _new_every(stream: Stream) -> int:
    """Which requests open a connection of their own: see `messages.Indicator.new_every`."""
    if stream.new_connections == "mixed":
        return max(2, math.ceil(stream.rate / MIXED_NEW_AT_MOST))
    return int(stream.new_connections)
