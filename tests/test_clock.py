"""Waiting for something asks until it is so, and not for longer than it may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from runner import clock


class Stepping:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.ns = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.ns / 1e9, UTC)

    def monotonic(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)


def sync(look: Callable[[], Any], within_s: float, **more: Any) -> Any:
    return clock.poll_until(look, within_s, 0.001, **more)


def concurrent(look: Callable[[], Any], within_s: float, **more: Any) -> Any:
    return asyncio.run(clock.poll_until_async(look, within_s, 0.001, **more))


@pytest.fixture(params=[sync, concurrent])
def poll(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_the_first_true_answer_ends_the_waiting(poll: Any) -> None:
    answers = iter(["", "", "here", "later"])
    assert poll(lambda: next(answers), 60) == "here"
    assert next(answers) == "later"


def test_what_is_enough_may_be_said(poll: Any) -> None:
    answers = iter([3, 2, 0, 9])
    assert poll(lambda: next(answers), 60, enough=lambda found: found < 1) == 0


def test_when_the_time_is_up_it_gives_the_last_answer(poll: Any) -> None:
    began = time.monotonic()
    assert poll(list, 0.05) == []
    assert time.monotonic() - began >= 0.05


def test_it_asks_once_where_there_is_no_time(poll: Any) -> None:
    asked: list[int] = []
    assert poll(lambda: asked.append(1), -1) is None
    assert asked == [1]


def test_others_work_while_it_waits() -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        asyncio.get_running_loop().call_later(0.02, seen.append, "told")
        return await clock.poll_until_async(lambda: seen, 5)

    assert asyncio.run(main()) == ["told"]


def test_it_waits_by_the_clock_that_it_is_given() -> None:
    stepping, asked = Stepping(), []
    asyncio.run(clock.poll_until_async(lambda: asked.append(1), 3600, 60, clock=stepping))
    assert (len(asked), stepping.ns) == (61, 3600 * 10**9)
