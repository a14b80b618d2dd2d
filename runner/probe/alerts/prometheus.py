"""Prometheus: its alerting rules as they pend and fire, before anybody is told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from runner import units
from runner.probe.alerts import history, rules
from runner.probe.alerts.dating import Answer
from runner.probe.alerts.remote import Remote
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen

_SCRAPE = re.compile(r"^\s*(?:- )?scrape_interval: (\S+)$", re.MULTILINE)


def build(setting: Setting) -> Prometheus:
    """The source of a Setting whose target is a Prometheus' URL."""
    return Prometheus(setting)


class Prometheus:
    """`activeAt` is the first evaluation that was true; it fires at the evaluation by which it was true for the rule's `for`."""

    every_s = 0.2
    stages = ("pending", "firing", "resolved")

    def __init__(self, setting: Setting) -> None:
        self.name = "prometheus"
        self._setting = setting
        self._remote = Remote(setting, "Prometheus")
        self._told: dict[tuple[str, str], rules.Alert] = {}
        self._fired: set[tuple[str, str]] = set()
        self._evaluation_s = 60.0
        self._looked_ns = 0

    async def open(self) -> Floor:
        """Raises EnvironmentFailure, also where no alerting rule could ever match: such a silence would say nothing."""
        config = str(rules.data(self._remote, await self._remote.get("/api/v1/status/config")).get("yaml"))
        found = rules.floor(self._remote, await self._ask())
        self._evaluation_s = found["evaluation"]
        scrapes = [units.parse_duration(said) for said in _SCRAPE.findall(config)]
        return Floor(parts={"scrape": max(scrapes, default=60.0)} | found)

    async def poll(self) -> Sequence[Seen]:
        answer = await self._ask()
        seen: list[Seen] = []
        there: set[tuple[str, str]] = set()
        for alert, rule, every in rules.alerts(self._remote, answer):
            identity = (rules.key(alert["labels"]), str(alert["activeAt"]))
            there.add(identity)
            if identity not in self._told:
                seen.append(self._seen("pending", alert, self._remote.moment(alert["activeAt"]), answer))
            self._told[identity] = (alert, rule, every)
            if alert["state"] == "firing" and identity not in self._fired:
                self._fired.add(identity)
                seen.append(self._seen("firing", alert, self._fired_at(alert, rule, every), answer))
        seen += self._gone(there, answer)
        self._looked_ns = answer.mono_ns
        return seen

    async def history(self, since_ns: int, until_ns: int) -> Sequence[Seen]:
        """The same stages as its own series ALERTS has them: for what fell between two looks. Raises EnvironmentFailure."""
        return await history.read(self._remote, self.name, since_ns, until_ns, self._evaluation_s)

    async def _ask(self) -> Answer:
        return await self._remote.get("/api/v1/rules", {"type": "alert"})

    def _fired_at(self, alert: Mapping[str, Any], rule: Mapping[str, Any], every: float) -> int:
        """`for` after the first true evaluation, at the next evaluation: they come every `every` seconds."""
        seconds = rules.held(float(rule.get("duration") or 0.0), every)
        return self._remote.moment(alert["activeAt"]) + round(seconds * 1e9)

    def _gone(self, there: set[tuple[str, str]], answer: Answer) -> list[Seen]:
        """What is not there any more is resolved if it had fired: some time since the last look."""
        gone = [identity for identity in self._told if identity not in there]
        told = {identity: self._told.pop(identity)[0] for identity in gone}
        since_s = (answer.mono_ns - self._looked_ns) / 1e9
        return [
            self._seen("resolved", alert, answer.mono_ns, answer, since_s)
            for identity, alert in told.items()
            if identity in self._fired
        ]

    def _seen(self, stage: str, alert: Mapping[str, Any], mono_ns: int, answer: Answer, extra_s: float = 0.0) -> Seen:
        labels = alert["labels"]
        return self._remote.seen(self.name, stage, labels, rules.key(labels), mono_ns, answer, extra_s)

    async def close(self) -> None:
        await self._remote.close()
