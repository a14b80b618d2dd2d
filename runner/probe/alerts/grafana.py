"""Grafana: its own alert rules as they pend and fire, and what its built-in Alertmanager received of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner import errors, units
from runner.probe.alerts import rules
from runner.probe.alerts.alertmanager import DEFAULT_GROUP_WAIT_S, Alertmanager
from runner.probe.alerts.dating import Answer
from runner.probe.alerts.remote import Remote
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen

_RULES = "/api/prometheus/grafana/api/v1/rules"
_RECEIVED = "/api/alertmanager/grafana"
_STAGES = {"pending": "pending", "alerting": "firing", "firing": "firing", "normal": "resolved"}
"""By the first word of a state, for a reason may follow in brackets. Recovering fires still; NoData and Error end nothing, and
are alerts of their own, which the Alertmanager has."""


def build(setting: Setting) -> Grafana:
    """The source of a Setting whose target is a Grafana's URL."""
    return Grafana(setting)


@dataclass
class _Known:
    """An alert of a rule as we saw it last."""

    alert: Mapping[str, Any]
    stage: str


class Grafana:
    """Here `activeAt` is when an alert got into the state that it is in, unlike with Prometheus."""

    every_s = 1.9  # every moment is dated by Grafana, and its rules are evaluated every ten seconds at the most often
    stages = ("pending", "firing", "received", "resolved")

    def __init__(self, setting: Setting) -> None:
        self.name = "grafana"
        self._remote = Remote(setting, "Grafana")
        self._received = Alertmanager(setting, self._remote, _RECEIVED)
        self._received.name = self.name
        self._known: dict[str, _Known] = {}
        self._ruled: set[str] = set()
        """Alerts that came from a rule, ever."""
        self._looked_ns = 0

    async def open(self) -> Floor:
        """Raises EnvironmentFailure, also where it has no alert rule of its own: such a silence would say nothing."""
        found = rules.floor(self._remote, await self._remote.get(_RULES))
        await self._remote.get(f"{_RECEIVED}/api/v2/alerts")
        return Floor(parts={**found, "group_wait": await self._group_wait()})

    async def _group_wait(self) -> float:
        """The longest of any policy, in seconds; its default where only an administrator may know."""
        try:
            status = (await self._remote.get(f"{_RECEIVED}/api/v2/status")).body
        except errors.EnvironmentFailure:
            return DEFAULT_GROUP_WAIT_S
        return max((units.parse_duration(str(said)) for said in _waits(status)), default=DEFAULT_GROUP_WAIT_S)

    async def poll(self) -> Sequence[Seen]:
        received = await self._received.poll()  # asked first: of what is in it the rules know already
        answer = await self._remote.get(_RULES)
        seen: list[Seen] = []
        there: set[str] = set()
        for found in rules.alerts(self._remote, answer):
            there.add(key := rules.key(found[0]["labels"]))
            seen += self._look(key, found, answer)
        seen += self._gone(there, answer)
        self._looked_ns = answer.mono_ns
        self._ruled |= there
        return [*seen, *self._others(received)]

    def _look(self, key: str, found: rules.Alert, answer: Answer) -> Iterator[Seen]:
        alert, rule, every = found
        stage, known = _STAGES.get(str(alert["state"]).partition(" ")[0].lower()), self._known.get(key)
        before = known.stage if known else "resolved"
        if stage is None or stage == before:
            return
        at_ns, held = self._remote.moment(alert["activeAt"]), float(rule.get("duration") or 0.0)
        self._known[key] = _Known(alert, stage)
        if stage == "firing" and before == "resolved" and held > 0:  # it pended between two looks
            yield self._seen("pending", alert, at_ns - round(rules.held(held, every) * 1e9), answer, every)
        if stage != "resolved" or before == "firing":
            yield self._seen(stage, alert, at_ns, answer)

    def _gone(self, there: set[str], answer: Answer) -> Iterator[Seen]:
        """What is not there any more is resolved if it had fired: some time since the last look."""
        for key in [key for key in self._known if key not in there]:
            known = self._known.pop(key)
            if known.stage == "firing":
                since_s = (answer.mono_ns - self._looked_ns) / 1e9
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

    async def close(self) -> None:
        await self._remote.close()


def _waits(config: Any) -> Iterator[Any]:
    """Every group_wait in a configuration."""
    if isinstance(config, Mapping):
        if config.get("group_wait"):
            yield config["group_wait"]
        for part in config.values():
            yield from _waits(part)
    elif isinstance(config, list):
        for part in config:
            yield from _waits(part)
