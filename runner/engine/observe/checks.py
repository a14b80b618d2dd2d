"""Checks: the ready checks of a run, read by a process of their own, kept on disk, and handed to guard and judge as counts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner import clock, codec, error_text, errors, units
from runner.engine.session import Session
from runner.experiment.experiment import Experiment
from runner.process import channel, run_processes
from runner.timeline.mark import Indicator

if TYPE_CHECKING:
    from runner.checks.check import Asked
    from runner.experiment.model import ReadyCheck
    from runner.probe.checks.messages import CheckerMessage, Read, Stop
    from runner.process.child import Child
    from runner.slo.checked import Checked

FIRST_S = 60.0
"""How long the first reading of all checks may take: one that sends a thousand requests takes its time."""


class Checks:
    """Every check of an experiment. Without any, nothing is imported or started."""

    def __init__(self, session: Session, experiment: Experiment, env: Mapping[str, str]) -> None:
        """`env` is the environment of the process that reads."""
        self._session = session
        self._configuration = experiment.configuration
        self._checks = {check.indicator: check for check in experiment.block.checks}
        guards = [rule.guard for rule in experiment.block.abort]
        self._guarding = {str(vars(guard)["indicator"]) for guard in guards if guard is not None and guard.of_checks}
        self._env = env
        self.series = self._counters()
        self._paths = {name: session.folder / f"{_plain(name)}.counts.jsonl" for name in self.series}
        self._child: Child[Stop, CheckerMessage] | None = None
        self._following: asyncio.Task[None] | None = None
        self._read_once = asyncio.Event()
        self._failed = ""

    def _counters(self) -> dict[str, Checked]:
        if not self._checks:
            return {}
        from runner.slo.checked import Checked

        return {name: Checked(name, check.every_s) for name, check in self._checks.items()}

    @property
    def standing(self) -> tuple[str, ...]:
        """How each check stood when it was read last."""
        return tuple(f"{name}: {series.said}" for name, series in self.series.items())

    def unwell(self, now_ns: int) -> tuple[str, ...]:
        """Those that would stop the run and are bad or silent as it is, with what they said last."""
        found = []
        for name, series in self.series.items():
            silent = series.trouble and series.lag_ns(now_ns) > 2 * series.step_s * 1e9
            if name in self._guarding and (silent or series.bad_since_ns is not None):
                found.append(f"{name}: no data, {series.trouble}" if silent else f"{name}: {series.said}")
        return tuple(found)

    async def open(self, access: Mapping[str, Mapping[str, Any]]) -> None:
        """Read every check for the first time. Raises EnvironmentFailure for one that cannot be read.

        `access` are the secrets of each check, as `checks:` and its index.
        """
        if not self._checks:
            return
        from runner.probe.checks import messages
        from runner.process.child import Child

        asks = [
            messages.Asks(indicator=name, check=c.check, every_s=c.every_s, arguments=c.arguments, secrets=access.get(f"checks:{i}", {}))
            for i, (name, c) in enumerate(self._checks.items())
        ]  # fmt: skip
        start = messages.Start(asks=tuple(asks), configuration=channel.carried(self._configuration))
        self._child = await Child.start(
            "checker",
            "runner.probe.checks.checker",
            codec.encode(start),
            messages.CHECKER,
            log=self._session.folder / "checker.log",
            env={**self._env} | run_processes.mark(self._session.run, "checker"),
        )
        for name, check in self._checks.items():
            self._write(name, self._head(name, check))
        self._following = asyncio.create_task(self._follow(self._child))
        await self._first()

    async def _first(self) -> None:
        """Until each was read once. Raises EnvironmentFailure."""
        hint = "nothing was injected; chaos-run checks NAME says what it reads and takes"
        try:
            async with asyncio.timeout(FIRST_S):
                await self._read_once.wait()
        except TimeoutError:
            late = ", ".join(name for name, series in self.series.items() if not series.said)
            told = f"no answer of {late} within {units.format_duration(FIRST_S)}"
            raise errors.EnvironmentFailure(told, hint=hint) from None
        if self._failed:
            raise errors.EnvironmentFailure(self._failed, hint=hint)

    async def _follow(self, child: Child[Stop, CheckerMessage]) -> None:
        """Everything that it says, until it ends."""
        from runner.probe.checks.messages import Read

        async for message in child.messages():
            if isinstance(message, Read):
                self._take(message)
            else:
                self._miss(message.indicator, message.why, message.unix_s)
            if self._failed or all(series.said for series in self.series.values()):
                self._read_once.set()
        await child.wait(1.0)
        why = f"the process that reads the checks ended with {child.how_it_ended}: {error_text.last_words(child.last_words) or 'no output'}"
        for name in self.series:
            self._miss(name, why, self._session.clock.now().timestamp())
        self._read_once.set()

    def _take(self, read: Read) -> None:
        from runner.slo.counts import Point

        series = self.series[read.indicator]
        series.said = read.sentence
        series.count([Point(read.mono_ns, int(read.bad), 1)])
        series.seen(read.mono_ns)
        line = {"t": read.unix_s, "mono_ns": read.mono_ns, "good": int(not read.bad), "total": 1, "said": read.sentence}
        self._write(read.indicator, line)

    def _miss(self, name: str, why: str, at: float) -> None:
        """No reading, which is no event; before the first one there is no run."""
        series = self.series[name]
        series.trouble = why
        if not series.said:
            self._failed = f"the check {name} cannot be read: {why}"
        self._write(name, {"t": round(at, 3), "no_data": why})

    async def stop(self) -> None:
        """No more readings."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def close(self) -> None:
        """End everything, in whatever state."""
        await self.stop()
        if self._child is not None:
            await self._child.close()

    def indicators(self) -> tuple[Indicator, ...]:
        """For the record."""
        return tuple(
            Indicator(
                name=name, url=_asked(self._checks[name]).check.asks.reads, rate=series.rate, timeout_s=0.0,
                tape=self._paths[name].name, seen_ns=series.now_ns,
            )
            for name, series in self.series.items()
        )  # fmt: skip

    def _head(self, name: str, check: ReadyCheck) -> dict[str, object]:
        asked = _asked(check)
        return {
            "indicator": name,
            "source": "check",
            "check": check.check,
            "arguments": dict(check.arguments),
            "how": f"each reading is one event, bad when {asked.check.condition_at(asked.limit)}",
            "step_s": check.every_s,
            "t": clock.rfc3339(self._session.started),
            "mono_ns": self._session.started_ns,
        }

    def _write(self, name: str, line: Mapping[str, object]) -> None:
        """A full disk is no reason to stop looking."""
        try:
            with self._paths[name].open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as problem:
            self._session.find("warning", f"the readings of {name} cannot be kept: {problem.strerror}")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name)


def _asked(check: ReadyCheck) -> Asked:
    from runner.checks import table

    return table.asked(check.check, check.arguments)
