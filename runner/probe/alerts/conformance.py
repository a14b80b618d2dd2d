"""Conformance: what every detection source must do, to be run by whoever brings one against a real system of its kind.

problems = await conformance.check(build, setting, gone, provoke=break_something, calm=mend_it)
assert problems == []
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from runner import errors
from runner.probe.alerts.source import Builder, Setting, Source
from runner.timeline.alerting import PIPELINE, Seen

Act = Callable[[], Awaitable[None]]


@dataclass
class _Observations:
    """What the source told, and when we were told."""

    seen: list[Seen] = field(default_factory=list)
    at_ns: list[int] = field(default_factory=list)

    def stages(self) -> set[str]:
        return {s.stage for s in self.seen}


async def check(
    build: Builder, setting: Setting, gone: Setting, *, provoke: Act, calm: Act, limit_s: float = 30.0
) -> list[str]:
    """What is wrong with a source, as sentences; an empty list where nothing is.

    `setting` leads to a live system in which nothing fires, `gone` to one that is not there. `provoke` makes an alert that
    matches fire, `calm` makes it resolve, each within `limit_s` seconds.
    """
    found = list(await _unreachable(build(gone)))
    source = build(setting)
    try:
        floor = await source.open()
        found += [f"the floor's {name} is negative" for name, seconds in floor.parts.items() if seconds < 0]
        found += [f"it tells of {s.alert} while nothing fires" for s in await source.poll()]
        heard, begun = _Observations(), setting.clock.monotonic()
        await provoke()
        await _listen(source, heard, setting, set(source.stages) - {"resolved"}, limit_s)
        await calm()
        await _listen(source, heard, setting, set(source.stages), limit_s)
        found += _judge(source, setting, heard, begun)
    finally:
        await source.close()
        await source.close()
    return found


async def _unreachable(source: Source) -> Iterator[str]:
    try:
        await source.open()
    except errors.EnvironmentFailure:
        return iter(())
    finally:
        await source.close()
    return iter(["a system that is not there does not make open() raise EnvironmentFailure"])


async def _listen(source: Source, heard: _Observations, setting: Setting, wanted: set[str], limit_s: float) -> None:
    until = setting.clock.monotonic() + round(limit_s * 1e9)
    while not wanted <= heard.stages() and setting.clock.monotonic() < until:
        for one in await source.poll():
            heard.seen.append(one)
            heard.at_ns.append(setting.clock.monotonic())
        await asyncio.sleep(source.every_s)


def _judge(source: Source, setting: Setting, heard: _Observations, begun: int) -> Iterator[str]:
    yield from (f"{stage} is not one of {', '.join(PIPELINE)}" for stage in source.stages if stage not in PIPELINE)
    yield from (f"it never told {stage}" for stage in source.stages if stage not in heard.stages())
    told = [(s.key, s.stage) for s in heard.seen]
    yield from (
        f"it told {stage} of {key} more than once" for key, stage in dict.fromkeys(told) if told.count((key, stage)) > 1
    )
    for seen, at_ns in zip(heard.seen, heard.at_ns, strict=True):
        yield from _one(setting, seen, begun, at_ns)
    order = [s.stage for s in sorted(heard.seen, key=lambda s: s.mono_ns)]
    known = [s for s in PIPELINE if s in order and s != "acknowledged"]
    if [s for s in dict.fromkeys(order) if s != "acknowledged"] != known:
        yield f"its stages come in the order {', '.join(dict.fromkeys(order))}"


def _one(setting: Setting, seen: Seen, begun: int, at_ns: int) -> Iterator[str]:
    slack = round(seen.error_s * 1e9)
    if not begun - slack <= seen.mono_ns <= at_ns + slack:
        yield f"{seen.stage} is dated outside of when it can have been, further than its error of {seen.error_s:g}s"
    if not setting.matches(seen.labels):
        yield f"{seen.alert} does not match and is told all the same"
    if seen.error_s <= 0:
        yield f"{seen.stage} has no error: no clock is that good"
    try:
        json.loads(seen.raw)
    except ValueError:
        yield f"{seen.stage} comes without the raw answer in JSON"
