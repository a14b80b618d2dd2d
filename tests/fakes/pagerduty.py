"""A server that answers like PagerDuty's REST API v2, in the shapes that it documents: services, incidents, and their logs."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.listening import Quiet, listening

TOKEN = "pd-token-hunter2"
SERVICE = {"id": "PSHOP01", "type": "service", "summary": "Web shop", "name": "Web shop", "status": "active"}
PAGE = 2
"""Items of one page, whatever is asked for."""
Json = dict[str, Any]


@dataclass
class Pager:
    """One account with two services; `refuse` is answered to the next questions, one each."""

    url: str = ""
    incidents: list[Json] = field(default_factory=list)
    entries: dict[str, list[Json]] = field(default_factory=dict)
    refuse: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    ahead: timedelta = timedelta()
    """How far its clock is from ours."""
    nonsense: str = ""
    """What it says to everything, if anything."""

    def trigger(self, title: str, at: datetime | None = None) -> str:
        """A new incident's id; nobody is called yet."""
        identity = f"QINCIDENT{len(self.incidents):05d}"
        self.entries[identity] = []
        entry = self.log(identity, "trigger_log_entry", at, channel={"type": "api", "cef_details": {}})
        self.incidents.append(
            {
                "id": identity,
                "type": "incident",
                "incident_number": len(self.incidents) + 1,
                "title": title,
                "summary": f"[#1] {title}",
                "created_at": entry["created_at"],
                "status": "triggered",
                "urgency": "high",
                "service": {"id": "PSHOP01", "type": "service_reference", "summary": "Web shop"},
                "priority": {"id": "PPRIO01", "type": "priority", "summary": "P1", "name": "P1"},
                "escalation_policy": {"id": "PPOLICY", "type": "escalation_policy_reference", "summary": "Default"},
                "teams": [{"id": "PTEAM01", "type": "team_reference", "summary": "storefront"}],
            }
        )
        return identity

    def log(self, incident: str, kind: str, at: datetime | None = None, **more: Any) -> Json:
        """One entry, dated in whole seconds, the newest first."""
        when = (at or datetime.now(UTC) + self.ahead).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = {"id": f"R{len(self.entries[incident]):07d}", "type": kind, "created_at": when, "summary": kind, **more}
        self.entries[incident].insert(0, entry)
        return entry

    def notify(self, incident: str, status: str = "success") -> None:
        told = {"type": "phone", "address": "+1-555-0100", "status": status}
        self.log(incident, "notify_log_entry", channel={"type": "auto", "notification": told})

    def set(self, incident: str, status: str) -> None:
        """`acknowledged` or `resolved`, by a person."""
        kind = {"acknowledged": "acknowledge_log_entry", "resolved": "resolve_log_entry"}[status]
        self.log(incident, kind, channel={"type": "mobile"}, agent={"type": "user_reference", "summary": "Ann"})
        next(i for i in self.incidents if i["id"] == incident)["status"] = status

    def answer(self, path: str, query: dict[str, list[str]]) -> Json | None:
        """What is there; None where there is nothing."""
        parts = path.strip("/").split("/")
        if parts[0] == "services":
            if len(parts) == 2:
                return {"service": SERVICE} if parts[1] == SERVICE["id"] else None
            like = query.get("query", [""])[0].lower()
            other = {**SERVICE, "id": "POTHER1", "name": "Web shop (old)", "summary": "Web shop (old)"}
            return self._page("services", [s for s in (other, SERVICE) if like in s["name"].lower()], query)
        if parts[0] == "incidents" and len(parts) == 1:
            return self._page("incidents", self._listed(query), query)
        if parts[0] == "incidents" and parts[2] == "log_entries":
            since = datetime.fromisoformat(query["since"][0])
            found = [e for e in self.entries[parts[1]] if datetime.fromisoformat(e["created_at"]) >= since]
            return self._page("log_entries", found, query)
        return None

    def _listed(self, query: dict[str, list[str]]) -> list[Json]:
        since = datetime.fromisoformat(query.get("since", ["2000-01-01T00:00:00Z"])[0])
        assert ("since" in query) != (query.get("date_range") == ["all"])
        statuses = query.get("statuses[]", ["triggered", "acknowledged", "resolved"])
        return [
            i
            for i in self.incidents
            if i["service"]["id"] in query["service_ids[]"] and i["status"] in statuses
            if datetime.fromisoformat(i["created_at"]) >= since
        ]

    def _page(self, what: str, items: list[Json], query: dict[str, list[str]]) -> Json:
        begin = int(query["offset"][0])
        return {what: items[begin : begin + PAGE], "limit": PAGE, "offset": begin, "more": begin + PAGE < len(items)}


@contextlib.contextmanager
def pagerduty() -> Iterator[Pager]:
    """It answers on a thread until the end."""
    found = Pager()

    class Handler(Quiet):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            where = urlsplit(self.path)
            status, headers = found.refuse.pop(0) if found.refuse else (200, {})
            if self.headers["Authorization"] != f"Token token={TOKEN}":
                status = 401
            said = found.answer(where.path, parse_qs(where.query)) if status == 200 else {}
            body = found.nonsense or json.dumps(said or {})
            self.answer(body.encode(), 404 if said is None else status, **headers)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + found.ahead.total_seconds())

    with listening(Handler) as found.url:
        yield found
