"""PagerDuty's incidents as stages: who was told, who took it; and every way in which it refuses to say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from runner import errors
from runner.engine.observe.detection import opened
from runner.probe.alerts import source
from runner.probe.alerts.source import Setting, Source
from runner.timeline.alerting import Seen
from tests.fakes.pagerduty import TOKEN, Pager
from tests.waiting import PATIENCE_S

T = TypeVar("T")


def setting(url: str, *named: str, token: str = TOKEN, **options: Any) -> Setting:
    asked = {"named": named or ("Web shop",), "endpoint": url, **options}
    return Setting(kind="pagerduty", target="Web shop", access={"token": token}, options=asked, timeout_s=2.0)


def using(one: Setting, act: Callable[[Source], Awaitable[T]]) -> T:
    """What `act` does with the source, opened."""

    async def whole() -> T:
        found = source.build(one)
        try:
            await found.open()
            return await act(found)
        finally:
            await found.close()

    return asyncio.run(whole())


async def looked(found: Source) -> Sequence[Seen]:
    return await found.poll()


def test_stages_come_from_the_log_with_labels_and_without_telephone_numbers(pager: Pager) -> None:
    now = datetime.now(UTC)

    async def act(found: Source) -> Sequence[Seen]:
        for title in ("A", "B", "[FIRING:1] ShopErrors (shop)"):  # more than one page of them
            incident = pager.trigger(title)
        pager.notify(incident, "failed")
        pager.notify(incident)
        pager.notify(incident)
        return [s for s in await found.poll() if s.key == incident]

    seen = using(setting(pager.url, "PSHOP01", alert="ShopErrors"), act)
    over = datetime.now(UTC)
    assert [(s.stage, s.alert) for s in seen] == [("received", "ShopErrors"), ("notified", "ShopErrors")]
    assert seen[0].labels["team"] == "storefront"
    assert seen[0].labels["title"] == "[FIRING:1] ShopErrors (shop)"
    assert b"555" not in seen[1].raw
    assert b'"success"' in seen[1].raw
    for one in seen:
        at = time.time() - (time.monotonic_ns() - one.mono_ns) / 1e9
        assert now.timestamp() - one.error_s - 0.5 <= at <= over.timestamp() + one.error_s
        assert one.error_s >= 0.5  # it tells whole seconds


def test_an_incident_from_before_is_told_as_of_then_and_a_notification_of_it_is_not_forgotten(pager: Pager) -> None:
    old = pager.trigger("Disk is full", datetime.now(UTC) - timedelta(days=3))

    async def act(found: Source) -> Sequence[Seen]:
        before = list(await found.poll())
        pager.notify(old)
        return [*before, *await found.poll()]

    received, notified = using(setting(pager.url), act)
    assert (time.monotonic_ns() - received.mono_ns) / 1e9 == pytest.approx(3 * 86400, abs=PATIENCE_S)
    assert (received.stage, notified.stage) == ("received", "notified")


@pytest.mark.parametrize("ahead", [timedelta(hours=-3), timedelta(minutes=5)])
def test_a_clock_that_is_wrong_is_set_right_by_its_answers(pager: Pager, ahead: timedelta) -> None:
    pager.ahead = ahead

    async def act(found: Source) -> Sequence[Seen]:
        pager.notify(pager.trigger("Shop is down"))
        return await found.poll()

    begun = time.monotonic_ns()
    seen = using(setting(pager.url), act)
    assert [s.stage for s in seen] == ["received", "notified"]
    for one in seen:
        error_ns = (one.error_s + 0.5) * 1e9
        assert begun - error_ns <= one.mono_ns <= time.monotonic_ns() + error_ns
        assert one.error_s < 60, "minutes and hours would be the clock's"


@pytest.mark.parametrize("nonsense", ["[]", "{}", '{"services": [{"id": 1}]}', "null"])
def test_what_no_pagerduty_would_say_is_an_error_and_no_crash(pager: Pager, nonsense: str) -> None:
    pager.nonsense = nonsense
    with pytest.raises(errors.EnvironmentFailure, match="pagerduty: its answer is not understood"):
        asyncio.run(opened(source.build(setting(pager.url))))


@pytest.mark.parametrize(
    ("named", "token", "refused", "why"),
    [
        ("Web shop", "wrong", 200, "it answers 401"),
        ("Web shop", TOKEN, 403, "it answers 403"),
        ("Web shop", TOKEN, 404, "it answers 404"),
        ("Web", TOKEN, 200, "it has no service 'Web'"),
        ("PNOBODY", TOKEN, 200, "it has no service 'PNOBODY'"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_says_why(
    pager: Pager, named: str, token: str, refused: int, why: str
) -> None:
    pager.refuse = [(refused, {})] if refused != 200 else []
    with pytest.raises(errors.EnvironmentFailure, match=why) as caught:
        using(setting(pager.url, named, token=token), looked)
    assert caught.value.hint
    assert token not in f"{caught.value} {caught.value.hint}"


def test_it_waits_as_long_as_it_is_told_to_and_asks_nothing_meanwhile(pager: Pager) -> None:
    async def act(found: Source) -> int:
        pager.refuse = [(429, {"Retry-After": "1"})]
        begun = time.monotonic()
        assert await found.poll() == []
        assert time.monotonic() - begun >= 1.0
        pager.refuse = [(429, {"Retry-After": "30"})]
        asked = len(pager.asked)
        for _ in range(3):
            with pytest.raises(errors.EnvironmentFailure, match="429 and asks us to wait"):
                await found.poll()
        return len(pager.asked) - asked

    assert using(setting(pager.url), act) == 1
