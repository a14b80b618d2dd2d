"""Prometheus: its alerting rules as they pend and fire, before anybody is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner import units
from runner.probe.alerts import history, rules
from runner.probe.alerts.dating import Answer
from runner.probe.alerts.remote import RemoteSource
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen

_SCRAPE = re.compile(r"^\s*(?:- )?scrape_interval: (\S+)$", re.MULTILINE)


def build(setting: Setting) -> PrometheusSource:
    """The source of a Setting whose target is a Prometheus' URL."""
    return PrometheusSource(setting)


@dataclass
class _FiringAlert:
    """An alert as it was shown last."""

    alert: Mapping[str, Any]
    rule: Mapping[str, Any]
    fired: bool
    seen_ns: int


class PrometheusSource:
    """`activeAt` is the first evaluation that was true; it fires at the evaluation by which it was true for the rule's `for`.

    One that is not shown any more has ended only if its rules were evaluated since: a Prometheus that was restarted shows none
    until then, and one that has fired as pending until its state is restored.
    """

    every_s = 0.2
    stages = ("pending", "firing", "resolved")

    def __init__(self, setting: Setting) -> None:
        self.name = "prometheus"
        self._setting = setting
        self._remote = RemoteSource(setting, "Prometheus")
        self._known: dict[str, _FiringAlert] = {}
        """By labels."""
        self._evaluation_s = 60.0
        self._scrape_s = 60.0
        self._last: Answer | None = None

    async def open(self) -> Floor:
        """Raises EnvironmentFailure, also where it has no alerting rule: such a silence would say nothing."""
        config = str(rules.data(self._remote, await self._remote.get("/api/v1/status/config")).get("yaml"))
        self._last = await self._ask()
        found = rules.floor(self._remote, self._last)
        self._evaluation_s = found["evaluation"]
        self._scrape_s = max((units.parse_duration(said) for said in _SCRAPE.findall(config)), default=60.0)
        return Floor(parts={"scrape": self._scrape_s} | found)

    async def poll(self) -> Sequence[Seen]:
        answer = await self._ask()
        rules.compare(self._remote, self._last, answer)
        seen: list[Seen] = []
        there: set[str] = set()
        for alert, rule, every in rules.alerts(self._remote, answer):
            there.add(key := rules.key(alert["labels"]))
            seen += self._look(key, alert, rule, every, answer)
        seen += self._gone(there, answer)
        self._last = answer
        return seen

    def _look(
        self, key: str, alert: Mapping[str, Any], rule: Mapping[str, Any], every: float, answer: Answer
    ) -> Iterator[Seen]:
        known = self._known.get(key)
        if known is None or (not known.fired and known.alert["activeAt"] != alert["activeAt"]):
            yield self._seen("pending", alert, self._remote.moment(alert["activeAt"]), answer)
        fired = alert["state"] == "firing"
        if fired and not (known and known.fired):
            yield self._seen("firing", alert, self._fired_at(alert, rule, every), answer)
        self._known[key] = _FiringAlert(alert, rule, fired or bool(known and known.fired), answer.mono_ns)

    def _gone(self, there: set[str], answer: Answer) -> Iterator[Seen]:
        """What is not there any more is resolved if it had fired: some time since it was seen last."""
        now = {rules.identity(rule): rule for rule, _ in rules.alerting(rules.data(self._remote, answer))}
        for key in [key for key in self._known if key not in there]:
            known = self._known[key]
            rule = now.get(rules.identity(known.rule))
            if not now or (rule is not None and not rules.was_evaluated(rule, since=known.rule)):
                continue
            del self._known[key]
            if known.fired:
                since_s = (answer.mono_ns - known.seen_ns) / 1e9
                yield self._seen("resolved", known.alert, answer.mono_ns, answer, since_s)

    async def history(self, since_ns: int, until_ns: int) -> Sequence[Seen]:
        """The same stages as its own series ALERTS has them: for what fell between two looks. Raises EnvironmentFailure."""
        return await history.read(self._remote, self.name, since_ns, until_ns, self._evaluation_s)

    async def _ask(self) -> Answer:
        return await self._remote.get("/api/v1/rules", {"type": "alert"})

    def _fired_at(self, alert: Mapping[str, Any], rule: Mapping[str, Any], every: float) -> int:
        """`for` after the first true evaluation, at the next evaluation: they come every `every` seconds."""
        seconds = rules.hold_time_s(float(rule.get("duration") or 0.0), every)
        return self._remote.moment(alert["activeAt"]) + round(seconds * 1e9)

    def may_raise(self) -> Sequence[Mapping[str, str]]:
        """What its rules say of the labels of the alerts that may be the expected one."""
        return rules.may_raise(self._remote, self._last) if self._last else ()

    def floor_of(self, labels: Mapping[str, str], *, whole: bool = True) -> Floor:
        """What the rule of an alert with these labels takes."""
        if self._last is None:
            return Floor()
        return Floor(parts={"scrape": self._scrape_s} | rules.floor(self._remote, self._last, labels))

    def muted(self) -> Mapping[str, str]:
        """It sends all that fires."""
        return {}

    def doubt(self) -> str:
        """Where its clock contradicts itself."""
        return self._remote.doubt()

    def _seen(self, stage: str, alert: Mapping[str, Any], mono_ns: int, answer: Answer, extra_s: float = 0.0) -> Seen:
        labels = alert["labels"]
        return self._remote.seen(self.name, stage, labels, rules.key(labels), mono_ns, answer, extra_s)

    async def close(self) -> None:
        await self._remote.close()
