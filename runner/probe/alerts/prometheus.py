"""Prometheus: its alerting rules as they pend and fire, before anybody is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner import errors, units
from runner.probe.alerts.remote import Answer, Remote
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen

_INTERVAL = r"^\s*(?:- )?{}: (\S+)$"
Alert = tuple[Mapping[str, Any], Mapping[str, Any], float]
"""An alert, its rule, and how often the rule is evaluated, in seconds."""


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
        self._told: dict[tuple[str, str], Alert] = {}
        self._fired: set[tuple[str, str]] = set()

    async def open(self) -> Floor:
        """Raises EnvironmentFailure, also where no alerting rule could ever match: such a silence would say nothing."""
        config = str(self._data(await self._remote.get("/api/v1/status/config")).get("yaml"))
        rules = list(self._rules(self._data(await self._remote.get("/api/v1/rules", type="alert"))))
        if not rules:
            raise errors.EnvironmentFailure(f"the Prometheus at {self._setting.target} has no alerting rule")
        wanted = self._setting.options.get("alert")
        named = [(r, every) for r, every in rules if r.get("name") == wanted] or rules
        return Floor(
            parts={
                "scrape": max(_durations(config, "scrape_interval"), default=60.0),
                "evaluation": max(every for _, every in named),
                "for": min(float(rule.get("duration") or 0.0) for rule, _ in named),
            }
        )

    async def poll(self) -> Sequence[Seen]:
        answer = await self._remote.get("/api/v1/rules", type="alert")
        seen: list[Seen] = []
        there: set[tuple[str, str]] = set()
        for alert, rule, every in self._alerts(answer):
            identity = (_key(alert["labels"]), str(alert["activeAt"]))
            there.add(identity)
            if identity not in self._told:
                seen.append(self._seen("pending", alert, self._remote.moment(alert["activeAt"]), answer))
            self._told[identity] = (alert, rule, every)
            if alert["state"] == "firing" and identity not in self._fired:
                self._fired.add(identity)
                seen.append(self._seen("firing", alert, self._fired_at(alert, rule, every), answer))
        return [*seen, *self._gone(there, answer)]

    def _fired_at(self, alert: Mapping[str, Any], rule: Mapping[str, Any], every: float) -> int:
        """`for` after the first true evaluation, at the next evaluation: they come every `every` seconds."""
        held = float(rule.get("duration") or 0.0)
        steps = -(-round(held * 1000) // max(1, round(every * 1000)))
        return self._remote.moment(alert["activeAt"]) + round(steps * every * 1e9)

    def _gone(self, there: set[tuple[str, str]], answer: Answer) -> list[Seen]:
        """What is not there any more is resolved if it had fired: some time since the last look."""
        gone = [identity for identity in self._told if identity not in there]
        told = {identity: self._told.pop(identity)[0] for identity in gone}
        return [
            self._seen("resolved", alert, answer.mono_ns, answer, self.every_s)
            for identity, alert in told.items()
            if identity in self._fired
        ]

    def _alerts(self, answer: Answer) -> Iterator[Alert]:
        for rule, every in self._rules(self._data(answer)):
            for alert in rule.get("alerts") or ():
                if self._setting.matches(alert["labels"]):
                    yield alert, rule, every

    def _rules(self, data: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], float]]:
        for group in data.get("groups") or ():
            for rule in group.get("rules") or ():
                if rule.get("type") == "alerting":
                    yield rule, float(group.get("interval") or 60.0)

    def _data(self, answer: Answer) -> Mapping[str, Any]:
        body = answer.body
        if not isinstance(body, dict) or body.get("status") != "success" or not isinstance(body.get("data"), dict):
            raise errors.EnvironmentFailure(f"{self._setting.target} does not answer like a Prometheus")
        return dict(body["data"])

    def _seen(self, stage: str, alert: Mapping[str, Any], mono_ns: int, answer: Answer, extra_s: float = 0.0) -> Seen:
        labels = alert["labels"]
        return self._remote.seen(self.name, stage, labels, _key(labels), mono_ns, answer, extra_s)

    async def close(self) -> None:
        await self._remote.close()


def _durations(config: str, name: str) -> list[float]:
    return [units.parse_duration(found) for found in re.findall(_INTERVAL.format(name), config, re.MULTILINE)]


def _key(labels: Mapping[str, str]) -> str:
    """An alert by its labels alone."""
    return ",".join(f"{name}={labels[name]}" for name in sorted(labels))
