"""Webhook: an address of ours at which the team's pipeline tells us what it tells its people: "notified", measured by us.

It takes Alertmanager's webhook (version 4), Grafana's, which has the same form, and any JSON object with `alert` (a name),
`status` (firing, notified, acknowledged or resolved) and `labels`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from runner import errors
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen

_STATUS = {
    "firing": "notified",
    "triggered": "notified",
    "notified": "notified",
    "acknowledged": "acknowledged",
    "resolved": "resolved",
}
_MOST = 4 << 20
"""Bytes of one notification."""


def build(setting: Setting) -> WebhookSource:
    """The source of a Setting whose target is `host:port`."""
    return WebhookSource(setting)


class WebhookSource:
    """Whatever comes in is dated when it came: no foreign clock is asked."""

    every_s = 0.1
    stages = ("notified", "acknowledged", "resolved")

    def __init__(self, setting: Setting) -> None:
        self.name = "webhook"
        self.received = 0
        """Notifications so far, of whatever alert."""
        self._setting = setting
        self._waiting: list[Seen] = []
        self._runner: web.AppRunner | None = None

    async def open(self) -> Floor:
        """Listen. Raises EnvironmentFailure when the address cannot be had."""
        host, _, port = self._setting.target.rpartition(":")
        application = web.Application(client_max_size=_MOST)
        application.router.add_post("/{any:.*}", self._hear)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host.strip("[]"), int(port)).start()
        except OSError as problem:
            said = f"cannot listen for notifications at {self._setting.target}: {problem.strerror or problem}"
            raise errors.EnvironmentFailure(said) from None
        return Floor()

    async def _hear(self, request: web.Request) -> web.Response:
        mono_ns, raw = self._setting.clock.monotonic(), await request.read()
        try:
            told = json.loads(raw)
            heard = list(self._alerts(told, mono_ns, raw))
        except (ValueError, TypeError, AttributeError):
            return web.Response(status=400, text="a JSON object with alerts is wanted")
        self.received += 1
        self._waiting += heard
        return web.Response(text="ok")

    def _alerts(self, told: Mapping[str, Any], mono_ns: int, raw: bytes) -> Iterator[Seen]:
        for alert in told.get("alerts") or [told]:
            labels = {str(k): str(v) for k, v in (alert.get("labels") or {}).items()}
            name = str(labels.get("alertname") or alert.get("alert") or "unnamed")
            stage = _STATUS.get(str(alert.get("status") or "firing"))
            if stage and self._setting.matches(labels):
                key = str(alert.get("fingerprint") or alert.get("key") or name)
                began = _start_time(str(alert.get("startsAt") or ""))
                yield Seen(
                    began_ns=None
                    if began is None
                    else mono_ns - round((self._setting.clock.now() - began).total_seconds() * 1e9),
                    stage=stage,
                    alert=name,
                    key=key,
                    source=self.name,
                    mono_ns=mono_ns,
                    error_s=0.01,
                    labels=labels,
                    raw=raw,
                )

    async def poll(self) -> Sequence[Seen]:
        await asyncio.sleep(0)
        waiting, self._waiting = self._waiting, []
        return waiting

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


def _start_time(said: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    return found if found.tzinfo else None
