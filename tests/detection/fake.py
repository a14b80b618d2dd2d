"""Servers that pretend, for what real ones do not do: break in the middle of a run, answer nonsense, look away while it fires."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.fakes.listening import Quiet, listening

STATUS = b'{"config": {"original": "route:\\n  group_wait: 45s\\n"}}'


@dataclass
class Fake:
    """What it answers, and with which headers it was asked; there is no alert until one fires."""

    url: str = ""
    status: int = 200
    body: bytes = STATUS
    headers: list[dict[str, str]] = field(default_factory=list)
    alerts: list[dict[str, object]] = field(default_factory=list)

    def fire(self, name: str) -> None:
        """An alert of that name goes on from now."""
        now = datetime.now(UTC)
        times = {"startsAt": now.isoformat(), "updatedAt": now.isoformat()}
        ends = (now + timedelta(hours=1)).isoformat()
        self.alerts.append({"fingerprint": name, "labels": {"alertname": name}, "endsAt": ends, "status": {}, **times})


@contextlib.contextmanager
def fake_alertmanager() -> Iterator[Fake]:
    """It answers on a thread until the end."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            found.headers.append({k.lower(): v for k, v in self.headers.items()})
            listed = self.path.startswith("/api/v2/alerts")
            self.answer(
                json.dumps(found.alerts).encode() if listed else found.body, found.status, Location="/elsewhere"
            )

    found = Fake()
    with listening(Handler) as found.url:
        yield found


@contextlib.contextmanager
def blind_prometheus(real: str) -> Iterator[str]:
    """A real one whose rules never show an alert: as if each came and went between two looks."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            with urllib.request.urlopen(real + self.path, timeout=5) as answer:
                said = json.load(answer)
            if self.path.startswith("/api/v1/rules"):
                for rule in (r for group in said["data"]["groups"] for r in group["rules"]):
                    rule["alerts"] = []
            self.answer(json.dumps(said).encode())

    with listening(Handler) as url:
        yield url
