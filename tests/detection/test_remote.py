"""A source's server that cannot be read is an error with its reason; what lets us in stays secret."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from runner import errors
from runner.probe.alerts import source
from runner.probe.alerts.source import Setting
from tests.detection.fake import Fake, fake_alertmanager
from tests.ports import free_port


@pytest.fixture
def fake() -> Iterator[Fake]:
    with fake_alertmanager() as found:
        yield found


def opened(fake: Fake, **access: str) -> float:
    """Its floor; raises what `open` raises."""

    async def one() -> float:
        found = source.build(Setting(kind="alertmanager", target=fake.url, access=access))
        try:
            return (await found.open()).seconds
        finally:
            await found.close()

    return asyncio.run(one())


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (401, b"", "it answers 401"),
        (302, b"", "it answers 302"),
        (200, b"<html>", "its answer is not JSON"),
        (200, b"[]", "is not an Alertmanager"),
    ],
)
def test_what_is_no_answer_is_an_error_that_says_why(fake: Fake, status: int, body: bytes, why: str) -> None:
    fake.status, fake.body = status, body
    with pytest.raises(errors.EnvironmentFailure, match=why):
        opened(fake, token="hunter2")
    assert len(fake.headers) == 1


def test_a_token_a_password_and_headers_are_sent_and_not_shown(fake: Fake) -> None:
    assert opened(fake, token="hunter2", **{"header:X-Scope-OrgID": "shop"}) == 45.0
    assert fake.headers[-1]["authorization"] == "Bearer hunter2"
    assert fake.headers[-1]["x-scope-orgid"] == "shop"
    opened(fake, username="ann", password="hunter2")
    assert fake.headers[-1]["authorization"] == "Basic YW5uOmh1bnRlcjI="
    assert "hunter2" not in repr(Setting(kind="alertmanager", target=fake.url, access={"token": "hunter2"}))


def test_a_port_that_is_taken_cannot_be_listened_at(fake: Fake) -> None:
    async def listen() -> None:
        found = source.build(Setting(kind="webhook", target=fake.url.removeprefix("http://")))
        try:
            await found.open()
        finally:
            await found.close()

    with pytest.raises(errors.EnvironmentFailure, match="cannot listen for notifications"):
        asyncio.run(listen())


def test_a_webhook_takes_a_plain_object_and_refuses_what_is_none() -> None:
    async def told() -> tuple[list[int], list[tuple[str, str]]]:
        address = f"127.0.0.1:{free_port()}"
        found = source.build(Setting(kind="webhook", target=address))
        await found.open()
        try:
            async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
                bodies = [
                    '{"alert": "Disk", "status": "firing"}',
                    '{"alert": "Disk", "status": "acknowledged"}',
                    "[1]",
                    "{",
                    "7",
                ]
                codes = [(await client.post("/", content=body)).status_code for body in bodies]
            return codes, [(s.alert, s.stage) for s in await found.poll()]
        finally:
            await found.close()

    codes, seen = asyncio.run(told())
    assert codes == [200, 200, 400, 400, 400]
    assert seen == [("Disk", "notified"), ("Disk", "acknowledged")]
