"""Remote: a server that is asked over HTTP, whose clock is compared with ours by the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from runner import errors
from runner.probe.access import client
from runner.probe.alerts.skew import Skew
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Seen


@dataclass(frozen=True, slots=True)
class Answer:
    """What it said and when we got it (monotonic)."""

    body: Any
    raw: bytes
    mono_ns: int


class Remote:
    """One server; every failure to get JSON from it is an EnvironmentFailure that names it."""

    def __init__(self, setting: Setting, what: str) -> None:
        self.setting = setting
        self.skew = Skew()
        self._what = what
        whose = f"the detection source {what} at {setting.target}"
        self._client = client(whose, setting.access, setting.target, setting.timeout_s)

    async def get(self, path: str, **query: Any) -> Answer:
        """Its JSON. Raises EnvironmentFailure."""
        time = self.setting.clock
        sent = time.now().timestamp()
        try:
            answer = await self._client.get(self.setting.target.rstrip("/") + path, params=query)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise self._failure(str(problem) or type(problem).__name__) from None
        received, mono_ns = time.now().timestamp(), time.monotonic()
        if answer.status_code != 200:
            raise self._failure(f"it answers {answer.status_code}")
        self._compare(answer.headers.get("date"), sent, received)
        try:
            return Answer(json.loads(answer.content), answer.content, mono_ns)
        except ValueError:
            raise self._failure("its answer is not JSON") from None

    def _compare(self, date: str | None, sent: float, received: float) -> None:
        try:
            self.skew.hear(parsedate_to_datetime(date or "").timestamp(), sent, received)
        except ValueError:  # no Date: nothing is known, and the error says so
            return

    def moment(self, said: str) -> int:
        """A time it names (RFC 3339) on our monotonic clock, its skew taken off. Raises EnvironmentFailure."""
        try:
            there = datetime.fromisoformat(said).timestamp()
        except ValueError:
            raise self._failure(f"{said!r} is no time") from None
        ago_s = self.setting.clock.now().timestamp() - (there - self.skew.seconds)
        return self.setting.clock.monotonic() - round(ago_s * 1e9)

    def seen(
        self,
        source: str,
        stage: str,
        labels: Mapping[str, str],
        key: str,
        mono_ns: int,
        answer: Answer,
        extra_s: float = 0.0,
    ) -> Seen:
        """An alert at a stage, as wrong as the clocks are known to be and `extra_s` seconds more."""
        return Seen(
            stage=stage,
            alert=str(labels.get("alertname", "unnamed")),
            key=key,
            source=source,
            mono_ns=mono_ns,
            error_s=self.skew.error_s + extra_s,
            labels=dict(labels),
            raw=answer.raw,
        )

    def _failure(self, why: str) -> errors.EnvironmentFailure:
        return errors.EnvironmentFailure(f"the detection source {self._what} at {self.setting.target}: {why}")

    async def close(self) -> None:
        await self._client.aclose()
