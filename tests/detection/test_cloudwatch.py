"""CloudWatch's alarms on a moto server: dated by their history, or by themselves where that may not be read."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import pytest

from runner import errors
from runner.probe.alerts import source
from runner.probe.alerts.source import Setting, Source
from runner.timeline.alerting import Floor, Seen
from tests.fakes.cloudwatch import ACCESS, KEPT, REGION, Cloud
from tests.waiting import PATIENCE_S

T = TypeVar("T")


def setting(url: str, *named: str, timeout_s: float = 5.0, **more: Any) -> Setting:
    options = {"named": named, "endpoint": url, "region": REGION, **more}
    return Setting(kind="cloudwatch", target=", ".join(named), access=ACCESS, options=options, timeout_s=timeout_s)


def using(one: Setting, act: Callable[[Source, Floor], Awaitable[T]]) -> T:
    """What `act` does with the source, opened."""

    async def whole() -> T:
        found = source.build(one)
        try:
            return await act(found, await found.open())
        finally:
            await found.close()

    return asyncio.run(whole())


def test_what_came_and_went_between_two_looks_is_in_the_history(cloud: Cloud) -> None:
    cloud.alarm("brief")
    begun: dict[str, float] = {}
    ended: dict[str, float] = {}

    async def act(found: Source, floor: Floor) -> Sequence[Seen]:
        assert floor.parts == {"evaluation": 10.0, "for": 20.0}
        assert await found.poll() == []
        for state in ("INSUFFICIENT_DATA", "ALARM", "INSUFFICIENT_DATA", "OK"):
            begun[state] = time.time()
            cloud.turn("brief", state)
            ended[state] = time.time()
            await asyncio.sleep(0.1)
        return [*await found.poll(), *await found.poll()]

    firing, resolved = using(setting(cloud.url, "brief"), act)
    assert (firing.stage, resolved.stage) == ("firing", "resolved")
    for seen, state in ((firing, "ALARM"), (resolved, "OK")):
        assert begun[state] - 0.1 <= _wall(seen) <= ended[state] + 0.1
    assert b"Alarm updated from INSUFFICIENT_DATA to ALARM" in firing.raw
    assert b"Alarm updated from INSUFFICIENT_DATA to OK" in resolved.raw  # without data nobody knows that it is over
    assert {k: firing.labels[k] for k in ("service", "team")} == {"service": "shop", "team": "storefront"}


def test_without_the_history_an_alarm_is_as_uncertain_as_the_time_between_two_looks(cloud: Cloud) -> None:
    cloud.alarm(f"{KEPT}-uncertain")

    async def act(found: Source, _: Floor) -> Sequence[Seen]:
        await found.poll()
        cloud.turn(f"{KEPT}-uncertain", "ALARM")
        await asyncio.sleep(0.6)
        return await found.poll()

    (firing,) = using(setting(cloud.url, f"{KEPT}-uncertain"), act)
    assert firing.stage == "firing"
    assert firing.error_s >= 0.6


def test_an_alarm_that_is_on_already_is_told_as_of_then(cloud: Cloud) -> None:
    cloud.alarm("before")
    begun = time.time()
    cloud.turn("before", "ALARM")
    ended = time.time()
    time.sleep(0.3)

    async def act(found: Source, _: Floor) -> Sequence[Seen]:
        return await found.poll()

    (firing,) = using(setting(cloud.url, "before"), act)
    assert begun - 0.1 <= _wall(firing) <= ended + 0.1


def _wall(seen: Seen) -> float:
    return time.time() - (time.monotonic_ns() - seen.mono_ns) / 1e9


@pytest.mark.parametrize(
    ("region", "named", "why"),
    [(REGION, ("nobody-made-this",), "there is no alarm nobody-made-this"), (None, ("x",), "specify a region")],
)
def test_what_cannot_be_watched_is_an_error_that_says_why(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, region: str | None, named: tuple[str, ...], why: str
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)

    async def act(_: Source, __: Floor) -> None:
        raise AssertionError

    with pytest.raises(errors.EnvironmentFailure, match=why) as caught:
        using(setting(cloud.url, *named, region=region), act)
    assert caught.value.hint
    assert "hunter2" not in f"{caught.value} {setting(cloud.url, *named)!r}"


def test_one_that_does_not_answer_is_given_up_soon_and_holds_nobody_up() -> None:
    async def whole(url: str) -> tuple[float, int]:
        found = source.build(setting(url, "x", timeout_s=0.6))
        begun, task, ticks = time.monotonic(), asyncio.create_task(found.open()), 0
        while not task.done():
            await asyncio.sleep(0.05)
            ticks += 1
        with pytest.raises(errors.EnvironmentFailure, match="Read timeout"):
            await task
        await found.close()
        return time.monotonic() - begun, ticks

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        took, ticks = asyncio.run(whole(f"http://127.0.0.1:{deaf.getsockname()[1]}"))
    assert took < PATIENCE_S
    assert ticks > 3
