"""Grafana: its own alert rules as they pend and fire, and what its built-in Alertmanager received of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner import errors
from runner.probe.alerts import routes, rules
from runner.probe.alerts.alertmanager import AlertmanagerSource
from runner.probe.alerts.dating import Answer
from runner.probe.alerts.remote import RemoteSource
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen

_RULES = "/api/prometheus/grafana/api/v1/rules"
_RECEIVED = "/api/alertmanager/grafana"
_STAGES = {"pending": "pending", "alerting": "firing", "firing": "firing", "normal": "resolved"}
"""By the first word of a state, for a reason may follow in brackets. Recovering fires still; NoData and Error end nothing, and
are alerts of their own, which the Alertmanager has."""


def build(setting: Setting) -> GrafanaSource:
    """The source of a Setting whose target is a Grafana's URL."""
    return GrafanaSource(setting)


@dataclass
class _AlertState:
    """An alert of a rule as we saw it last."""

    alert: Mapping[str, Any]
    stage: str


class GrafanaSource:
    """Here `activeAt` is when an alert got into the state that it is in, unlike with Prometheus."""

    every_s = 1.9  # every moment is dated by Grafana, and its rules are evaluated every ten seconds at the most often
    stages = ("pending", "firing", "received", "resolved")

    def __init__(self, setting: Setting) -> None:
        self.name = "grafana"
        self._setting = setting
        self._remote = RemoteSource(setting, "Grafana")
        self._received = AlertmanagerSource(setting, self._remote, _RECEIVED)
        self._received.name = self.name
        self._known: dict[str, _AlertState] = {}
        self._ruled: set[str] = set()
        """Alerts that came from a rule, ever."""
        self._last: Answer | None = None
        self._policies: Mapping[str, Any] = {}

    async def open(self) -> Floor:
        """Raises EnvironmentFailure, also where it has no alert rule of its own: such a silence would say nothing."""
        self._last = await self._remote.get(_RULES)
        found = rules.floor(self._remote, self._last)
        await self._remote.get(f"{_RECEIVED}/api/v2/alerts")
        self._policies = await self._read_policies()
        return Floor(parts={**found, "group_wait": self._group_wait_s(rules.expected(self._setting), whole=False)})

    async def _read_policies(self) -> Mapping[str, Any]:
        """Its tree of notification policies; empty where only an administrator may know."""
        try:
            status = (await self._remote.get(f"{_RECEIVED}/api/v2/status")).body
        except errors.EnvironmentFailure:
            return {}
        found = status.get("config") if isinstance(status, Mapping) else None
        if isinstance(found, Mapping) and isinstance(found.get("original"), str):
            with contextlib.suppress(ValueError):
                found = json.loads(found["original"])
        inner = found.get("alertmanager_config", found) if isinstance(found, Mapping) else {}
        route = inner.get("route") if isinstance(inner, Mapping) else None
        return route if isinstance(route, Mapping) else {}

    def _group_wait_s(self, labels: Mapping[str, str], *, whole: bool) -> float:
        return routes.longest_s(self._policies, labels, whole=whole)

    async def poll(self) -> Sequence[Seen]:
        received = await self._received.poll()  # asked first: of what is in it the rules know already
        answer = await self._remote.get(_RULES)
        rules.compare(self._remote, self._last, answer)
        seen: list[Seen] = []
        there: set[str] = set()
        for found in rules.alerts(self._remote, answer):
            there.add(key := rules.key(found[0]["labels"]))
            seen += self._look(key, found, answer)
        seen += self._gone(there, answer)
        self._last = answer
        self._ruled |= there
        return [*seen, *self._others(received)]

    def _look(self, key: str, found: rules.Alert, answer: Answer) -> Iterator[Seen]:
        alert, rule, every = found
        stage, known = _STAGES.get(str(alert["state"]).partition(" ")[0].lower()), self._known.get(key)
        before = known.stage if known else "resolved"
        if stage is None or stage == before:
            return
        at_ns, held = self._remote.moment(alert["activeAt"]), float(rule.get("duration") or 0.0)
        self._known[key] = _AlertState(alert, stage)
        if stage == "firing" and before == "resolved" and held > 0:  # it pended between two looks
            yield self._seen("pending", alert, at_ns - round(rules.hold_time_s(held, every) * 1e9), answer, every)
        if stage != "resolved" or before == "firing":
            yield self._seen(stage, alert, at_ns, answer)

    def _gone(self, there: set[str], answer: Answer) -> Iterator[Seen]:
        """What is not there any more is resolved if it had fired: some time since the last look."""
        for key in [key for key in self._known if key not in there]:
            known = self._known.pop(key)
            if known.stage == "firing":
                since_s = (answer.mono_ns - self._last.mono_ns) / 1e9 if self._last else 0.0
                yield self._seen("resolved", known.alert, answer.mono_ns, answer, since_s)

    def _others(self, received: Sequence[Seen]) -> Iterator[Seen]:
        """That an alert of a rule was received, and everything about alerts that are of no rule (DatasourceNoData)."""
        for one in received:
            key = rules.key(one.labels)
            if one.stage == "received" or key not in self._ruled:
                yield replace(one, key=key)

    def _seen(self, stage: str, alert: Mapping[str, Any], mono_ns: int, answer: Answer, extra_s: float = 0.0) -> Seen:
        labels = alert["labels"]
        return self._remote.seen(self.name, stage, labels, rules.key(labels), mono_ns, answer, extra_s)

    def may_raise(self) -> Sequence[Mapping[str, str]]:
        """What its rules say of the labels of the alerts that may be the expected one."""
        return rules.may_raise(self._remote, self._last) if self._last else ()

    def floor_of(self, labels: Mapping[str, str], *, whole: bool = True) -> Floor:
        """What the rule and the policy of an alert with these labels take."""
        found = rules.floor(self._remote, self._last, labels) if self._last else {}
        return Floor(parts={**found, "group_wait": self._group_wait_s(labels, whole=whole)})

    def muted(self) -> Mapping[str, str]:
        """Alerts that its Alertmanager kept to itself, and why."""
        return self._received.muted()

    def doubt(self) -> str:
        """Where its clock contradicts itself."""
        return self._remote.doubt()

    async def close(self) -> None:
        await self._remote.close()
