"""PagerDuty: incidents of a team's services: when they came in, whom they reached, and who took them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from runner.probe.alerts.dating import Answer
from runner.probe.alerts.remote import RemoteSource
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen

API = "https://api.pagerduty.com"
_ENTRIES = {
    "notify_log_entry": "notified",
    "acknowledge_log_entry": "acknowledged",
    "resolve_log_entry": "resolved",
}
_ID = re.compile(r"[A-Z0-9]{7,14}")
_PAGE, _MOST_PAGES = 100, 20
MOST_FOLLOWED = 20
"""Incidents whose log is read at each look, the latest ones: PagerDuty answers 960 questions a minute."""
BEFORE_S = 60
"""How long before the start an incident counts as one to be followed; older ones are told if they are open still."""


def build(setting: Setting) -> PagerDutySource:
    """The source of a Setting whose options name services (`named`), and the API's base (`endpoint`) if it is not the usual one."""
    return PagerDutySource(setting)


class PagerDutySource:
    """`received` is when an incident was triggered; the other stages are its log's. It gives whole seconds: the middle is taken."""

    every_s = 1.9  # not a whole second: each `Date` then says something new about its clock
    stages = ("received", "notified", "acknowledged", "resolved")

    def __init__(self, setting: Setting) -> None:
        self.name = "pagerduty"
        token = setting.access.get("token")
        headers = {"header:Accept": "application/vnd.pagerduty+json;version=2"}
        if token:
            headers["header:Authorization"] = f"Token token={token}"
        self._setting = setting
        target = str(setting.options.get("endpoint") or API)
        self._remote = RemoteSource(replace(setting, target=target, access={**headers, **setting.access}), "PagerDuty")
        self._services: list[str] = []
        self._since = ""
        self._waiting: list[Seen] = []
        """Incidents that were open at the start, until the first look."""
        self._told: dict[str, dict[str, int]] = {}
        """Of each incident the stages that were told, with their moments."""
        self._open: dict[str, Mapping[str, str]] = {}
        """The labels of incidents that are not resolved, the latest last."""

    async def open(self) -> Floor:
        """Find the services. Raises EnvironmentFailure. How long its escalation takes is not known."""
        named: Sequence[str] = self._setting.options["named"]
        self._services = [await self._service(name) for name in named]
        since_s = self._remote.there(self._setting.clock.monotonic()) - BEFORE_S
        self._since = datetime.fromtimestamp(since_s, tz=UTC).isoformat(timespec="seconds")
        self._waiting = await self._list({"statuses[]": ["triggered", "acknowledged"], "date_range": "all"})
        return Floor()

    async def _service(self, name: str) -> str:
        """Its id."""
        if _ID.fullmatch(name) and (found := await self._remote.find(f"/services/{name}")):
            return str(found.body["service"]["id"])
        near = [s async for s, _ in self._pages("/services", "services", {"query": name})]
        if same := [s for s in near if s["name"] == name]:
            return str(same[0]["id"])
        hint = (
            f"there are {', '.join(sorted(str(s['name']) for s in near))}"
            if near
            else "write its id, or its name in full"
        )
        raise self._remote.failure(f"it has no service {name!r}", hint)

    async def poll(self) -> Sequence[Seen]:
        seen, self._waiting = self._waiting + await self._list({"since": self._since}), []
        for incident in list(self._open)[-MOST_FOLLOWED:]:
            seen += await self._follow(incident)
        return seen

    async def _list(self, which: Mapping[str, Any]) -> list[Seen]:
        """Incidents that nobody knew of."""
        seen = []
        async for incident, answer in self._pages(
            "/incidents", "incidents", {"service_ids[]": self._services, **which}
        ):
            labels = _labels(incident, self._setting.options.get("alert"))
            if incident["id"] not in self._told and self._setting.matches(labels):
                self._told[incident["id"]] = {}
                self._open[incident["id"]] = labels
                seen.append(self._seen(incident["id"], "received", incident, answer))
        return seen

    async def _follow(self, incident: str) -> list[Seen]:
        """What its log says that was not told yet, each stage as it was reached first."""
        told, seen = self._told[incident], []
        entries = [
            e async for e in self._pages(f"/incidents/{incident}/log_entries", "log_entries", {"since": self._since})
        ]
        entries.reverse()  # it tells the newest first, and by whole seconds
        for entry, answer in sorted(entries, key=lambda e: str(e[0]["created_at"])):
            stage = _ENTRIES.get(entry["type"])
            if stage and stage not in told and not _failed(entry):
                seen.append(self._seen(incident, stage, entry, answer))
        if "resolved" in told:
            del self._open[incident]
        return seen

    def _seen(self, incident: str, stage: str, said: Mapping[str, Any], answer: Answer) -> Seen:
        told = self._told[incident]
        whole = datetime.fromisoformat(said["created_at"]).microsecond == 0
        half_s = 0.5 if whole else 0.0
        mono_ns = max([self._remote.moment(said["created_at"]) + round(half_s * 1e9), *told.values()])
        told[stage] = mono_ns
        alone = replace(answer, raw=json.dumps(_without_secrets(said)).encode())
        return self._remote.seen(self.name, stage, self._open[incident], incident, mono_ns, alone, half_s)

    async def _pages(self, path: str, what: str, query: Mapping[str, Any]) -> AsyncIterator[tuple[Any, Answer]]:
        """Every item of a list, with the answer it came in."""
        offset = 0
        for _ in range(_MOST_PAGES):
            answer = await self._remote.get(path, {**query, "limit": _PAGE, "offset": offset})
            for item in answer.body[what]:
                yield item, answer
            offset += len(answer.body[what])
            if not answer.body.get("more"):
                return

    async def close(self) -> None:
        await self._remote.close()


def _labels(incident: Mapping[str, Any], wanted: str | None) -> dict[str, str]:
    """What can be matched and expected; a title in which the expected alert is named is that alert."""
    title = str(incident.get("title") or incident.get("summary") or "")
    named = wanted and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", title)
    found = {
        "alertname": str(wanted) if named else title,
        "title": title,
        "urgency": str(incident.get("urgency") or ""),
    }
    for part in ("service", "priority", "escalation_policy"):
        found[part] = str((incident.get(part) or {}).get("summary") or "")
    found["team"] = ", ".join(str(team.get("summary")) for team in incident.get("teams") or ())
    return {name: value for name, value in found.items() if value}


def _failed(entry: Mapping[str, Any]) -> bool:
    """Whether it is a notification that did not get through."""
    notification = (entry.get("channel") or {}).get("notification") or {}
    return str(notification.get("status") or "").startswith(("fail", "block"))


def _without_secrets(said: Any) -> Any:
    """Evidence without the telephone numbers and addresses of those who were called."""
    if isinstance(said, Mapping):
        return {key: _without_secrets(value) for key, value in _named(said)}
    return [_without_secrets(item) for item in said] if isinstance(said, list) else said


def _named(said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in said.items() if key not in ("address", "email", "conferenceAddress"))
