"""Remote: a server that is asked over HTTP, whose clock is compared with ours by the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from runner.probe.access import client
from runner.probe.alerts.dating import Answer, RemoteClock
from runner.probe.alerts.source import Setting

_HINTS = {
    401: "check token, or username and password, in its secrets",
    403: "the account of its secrets is not allowed to read this",
    404: "is this the address of its API?",
}
_TOO_MANY = 429


class RemoteSource(RemoteClock):
    """One server; every failure to get JSON from it is an EnvironmentFailure that names it."""

    def __init__(self, setting: Setting, what: str) -> None:
        super().__init__(setting, f"the detection source {what} at {setting.target}")
        self._client = client(self.whose, setting.access, setting.target, setting.timeout_s)
        self._not_before = 0
        """It asked to be left alone until then (monotonic)."""

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        """Its JSON. Raises EnvironmentFailure."""
        found = await self.find(path, query)
        if found is None:
            raise self.failure("it answers 404", _HINTS[404])
        return found

    async def find(self, path: str, query: Mapping[str, Any] | None = None) -> Answer | None:
        """Its JSON, None where there is nothing (404). Raises EnvironmentFailure."""
        time = self.setting.clock
        answer, sent = await self._ask(path, query or {})
        if answer.status_code == _TOO_MANY:
            answer, sent = await self._ask_again(answer, path, query or {})
        received, mono_ns = time.now().timestamp(), time.monotonic()
        self.compare(answer.headers.get("date"), sent, received)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code != httpx.codes.OK:
            raise self.failure(f"it answers {answer.status_code}", _HINTS.get(answer.status_code))
        try:
            return Answer(json.loads(answer.content), answer.content, mono_ns, sent, received)
        except ValueError:
            raise self.failure("its answer is not JSON") from None

    async def _ask(self, path: str, query: Mapping[str, Any]) -> tuple[httpx.Response, float]:
        """Its answer, and when it was asked (Unix seconds)."""
        if (wait_s := (self._not_before - self.setting.clock.monotonic()) / 1e9) > 0:
            raise self.failure(f"it answers 429 and asks us to wait {wait_s:.0f}s more")
        sent = self.setting.clock.now().timestamp()
        try:
            return await self._client.get(self.setting.target.rstrip("/") + path, params=dict(query)), sent
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise self.failure(str(problem) or type(problem).__name__) from None

    async def _ask_again(
        self, refused: httpx.Response, path: str, query: Mapping[str, Any]
    ) -> tuple[httpx.Response, float]:
        """After as long as it says, if that is no longer than we wait for an answer; else nobody asks it until then."""
        said = refused.headers.get("retry-after", "")
        wait_s = float(said) if said.isdigit() else 1.0
        if wait_s > self.setting.timeout_s:
            self._not_before = self.setting.clock.monotonic() + round(wait_s * 1e9)
            raise self.failure(f"it answers 429 and asks us to wait {wait_s:.0f}s")
        await self.setting.clock.sleep(wait_s)
        return await self._ask(path, query)

    async def close(self) -> None:
        await self._client.aclose()
