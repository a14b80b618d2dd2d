"""Alertmanager: alerts as its v2 API shows them: when they began to fire, when they came in, when they ended, who was told nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner import errors
from runner.probe.alerts import routes, rules
from runner.probe.alerts.dating import Answer
from runner.probe.alerts.remote import RemoteSource
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen


def build(setting: Setting) -> AlertmanagerSource:
    """The source of a Setting whose target is an Alertmanager's URL."""
    return AlertmanagerSource(setting)


@dataclass
class _NotifiedAlert:
    """An alert as it was shown last, and whether it goes on."""

    alert: Mapping[str, Any]
    on: bool
    ended_ns: int = 0


class AlertmanagerSource:
    """`startsAt` is when Prometheus fired it (after `for`), `updatedAt` its last receipt, an `endsAt` in the future no end at all.

    One that had ended, or was not shown, and is shown as going on again is told as firing again.
    """

    every_s = 0.2
    stages = ("firing", "received", "resolved")

    def __init__(self, setting: Setting, remote: RemoteSource | None = None, base: str = "") -> None:
        """`remote` and `base`: of a server in which an Alertmanager is a part, and the path to that part."""
        self.name = "alertmanager"
        self._setting = setting
        self._remote = remote or RemoteSource(setting, "Alertmanager")
        self._base = base
        self._config = ""
        self._known: dict[str, _NotifiedAlert] = {}
        """By fingerprint."""
        self._muted: dict[str, str] = {}
        self._last: Answer | None = None

    async def open(self) -> Floor:
        """Raises EnvironmentFailure. Its group_wait is the longest of the routes that the expected alert may take."""
        status = (await self._remote.get("/api/v2/status")).body
        try:
            self._config = str(status["config"]["original"])
        except (KeyError, TypeError):
            raise errors.EnvironmentFailure(f"{self._setting.target} is not an Alertmanager with API v2") from None
        return self.floor_of({}, whole=False)

    async def poll(self) -> Sequence[Seen]:
        query = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}
        answer = await self._remote.get(f"{self._base}/api/v2/alerts", query)
        listed = answer.body
        if not isinstance(listed, list):
            raise errors.EnvironmentFailure(f"{self._setting.target}: its alerts are no list")
        wanted = {str(alert["fingerprint"]): alert for alert in listed if self._setting.matches(alert["labels"])}
        self._compare(wanted, answer)
        seen = [one for key, alert in wanted.items() for one in self._look(key, alert, answer)]
        seen += self._gone(set(wanted), answer)
        self._note_muted(wanted.values(), listed)
        self._last = answer
        return seen

    def _compare(self, wanted: Mapping[str, Mapping[str, Any]], answer: Answer) -> None:
        """Its clock by alerts that came in since the last look: it dates them. Later receipts may be those of a replica."""
        for key, alert in wanted.items():
            if self._last is not None and key not in self._known:
                self._remote.between(alert["updatedAt"], self._last, answer)

    def _look(self, key: str, alert: Mapping[str, Any], answer: Answer) -> Iterator[Seen]:
        ended_ns, begun_ns = self._remote.moment(alert["endsAt"]), self._remote.moment(alert["startsAt"])
        received_ns, ended = self._remote.moment(alert["updatedAt"]), ended_ns <= answer.mono_ns
        known = self._known.setdefault(key, _NotifiedAlert(alert, on=False))
        known.alert = alert
        if not known.on and (not ended or begun_ns > known.ended_ns):
            known.on = True
            ahead_s = max(0, begun_ns - received_ns) / 1e9  # dated by Prometheus, whose clock may be another
            yield self._seen("firing", alert, begun_ns, answer, ahead_s)
            yield self._seen("received", alert, received_ns, answer)
        if ended and known.on:
            known.on, known.ended_ns = False, ended_ns
            yield self._seen("resolved", alert, ended_ns, answer)

    def _gone(self, there: set[str], answer: Answer) -> Iterator[Seen]:
        """What is not shown any more has ended: some time since the last look."""
        since_s = (answer.mono_ns - self._last.mono_ns) / 1e9 if self._last else 0.0
        for key, known in self._known.items():
            if known.on and key not in there:
                known.on, known.ended_ns = False, answer.mono_ns
                yield self._seen("resolved", known.alert, answer.mono_ns, answer, since_s)

    def _note_muted(self, wanted: Iterable[Mapping[str, Any]], listed: Sequence[Mapping[str, Any]]) -> None:
        names = {str(a.get("fingerprint")): str(a["labels"].get("alertname", "unnamed")) for a in listed}
        for alert in wanted:
            if why := _why_muted(alert.get("status") or {}, names):
                self._muted.setdefault(rules.key(alert["labels"]), why)

    def muted(self) -> Mapping[str, str]:
        """Alerts that it kept to itself, and why, as it says."""
        return self._muted

    def may_raise(self) -> Sequence[Mapping[str, str]]:
        """It has no rules."""
        return ()

    def floor_of(self, labels: Mapping[str, str], *, whole: bool = True) -> Floor:
        """The group_wait of the route that an alert with these labels takes, the longest of those that it may take."""
        if not self._config:
            return Floor()
        known = labels if whole else {**rules.expected(self._setting), **labels}
        return Floor(parts={"group_wait": routes.group_wait_s(self._config, known, whole=whole)})

    def doubt(self) -> str:
        """Where its clock contradicts itself."""
        return self._remote.doubt()

    def _seen(self, stage: str, alert: Mapping[str, Any], mono_ns: int, answer: Answer, extra_s: float = 0.0) -> Seen:
        key = str(alert["fingerprint"])
        return self._remote.seen(self.name, stage, alert["labels"], key, mono_ns, answer, extra_s)

    async def close(self) -> None:
        await self._remote.close()


def _why_muted(status: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """In its own words; empty where it tells people."""
    by = [f"inhibited by {names.get(str(other), other)}" for other in status.get("inhibitedBy") or ()]
    by += [f"silenced by {silence}" for silence in status.get("silencedBy") or ()]
    by += [f"muted by {interval}" for interval in status.get("mutedBy") or ()]
    return ", ".join(dict.fromkeys(by)) or ("suppressed" if status.get("state") == "suppressed" else "")
