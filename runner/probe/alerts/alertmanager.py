"""Alertmanager: alerts as its v2 API shows them: when they began to fire, when they came in, and when they ended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from runner import errors, units
from runner.probe.alerts.dating import Answer
from runner.probe.alerts.remote import Remote
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen

_GROUP_WAIT = re.compile(r"^\s*(?:- )?group_wait: (\S+)$", re.MULTILINE)
DEFAULT_GROUP_WAIT_S = 30.0


def build(setting: Setting) -> Alertmanager:
    """The source of a Setting whose target is an Alertmanager's URL."""
    return Alertmanager(setting)


class Alertmanager:
    """`startsAt` is when Prometheus fired it (after `for`), `updatedAt` its last receipt, an `endsAt` in the future no end at all."""

    every_s = 0.2
    stages = ("firing", "received", "resolved")

    def __init__(self, setting: Setting, remote: Remote | None = None, base: str = "") -> None:
        """`remote` and `base`: of a server in which an Alertmanager is a part, and the path to that part."""
        self.name = "alertmanager"
        self._setting = setting
        self._remote = remote or Remote(setting, "Alertmanager")
        self._base = base
        self._looked_ns = 0
        self._open: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._ended: set[tuple[str, str]] = set()

    async def open(self) -> Floor:
        """Raises EnvironmentFailure. Its group_wait is the longest that any route has, 30s where none says."""
        status = (await self._remote.get("/api/v2/status")).body
        try:
            text = str(status["config"]["original"])
        except (KeyError, TypeError):
            raise errors.EnvironmentFailure(f"{self._setting.target} is not an Alertmanager with API v2") from None
        waits = [units.parse_duration(found) for found in _GROUP_WAIT.findall(text)]
        return Floor(parts={"group_wait": max(waits, default=DEFAULT_GROUP_WAIT_S)})

    async def poll(self) -> Sequence[Seen]:
        query = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}
        answer = await self._remote.get(f"{self._base}/api/v2/alerts", query)
        listed = answer.body
        if not isinstance(listed, list):
            raise errors.EnvironmentFailure(f"{self._setting.target}: its alerts are no list")
        seen: list[Seen] = []
        there: set[tuple[str, str]] = set()
        for alert in listed:
            if self._setting.matches(alert["labels"]):
                there.add((alert["fingerprint"], alert["startsAt"]))
                seen += self._look(alert, answer)
        seen += self._gone(there, answer)
        self._looked_ns = answer.mono_ns
        return seen

    def _look(self, alert: Mapping[str, Any], answer: Answer) -> list[Seen]:
        identity = (alert["fingerprint"], alert["startsAt"])
        ended = self._remote.moment(alert["endsAt"]) <= answer.mono_ns
        seen = []
        if identity not in self._open and identity not in self._ended:
            self._open[identity] = alert
            seen.append(self._seen("firing", alert, self._remote.moment(alert["startsAt"]), answer))
            seen.append(self._seen("received", alert, self._remote.moment(alert["updatedAt"]), answer))
        if ended and identity not in self._ended:
            self._ended.add(identity)
            self._open.pop(identity, None)
            seen.append(self._seen("resolved", alert, self._remote.moment(alert["endsAt"]), answer))
        return seen

    def _gone(self, there: set[tuple[str, str]], answer: Answer) -> list[Seen]:
        """What is not shown any more has ended: some time since the last look."""
        gone = [identity for identity in self._open if identity not in there]
        self._ended.update(gone)
        since_s = (answer.mono_ns - self._looked_ns) / 1e9
        return [self._seen("resolved", self._open.pop(i), answer.mono_ns, answer, since_s) for i in gone]

    def _seen(self, stage: str, alert: Mapping[str, Any], mono_ns: int, answer: Answer, extra_s: float = 0.0) -> Seen:
        key = str(alert["fingerprint"])
        return self._remote.seen(self.name, stage, alert["labels"], key, mono_ns, answer, extra_s)

    async def close(self) -> None:
        await self._remote.close()
