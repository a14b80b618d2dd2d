"""A go-between to a real Alertmanager: asks for a token, and does to one request what networks and proxies do."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.fakes.listening import Quiet, listening

TOKEN = "t0ken-of-the-drill"


@dataclass
class Between:
    """What it does."""

    url: str = ""
    lost: set[str] = field(default_factory=set)
    """What is posted there arrives, its answer does not."""
    refused: dict[str, int] = field(default_factory=dict)
    """By method: answered with this status and not passed on."""


@contextlib.contextmanager
def between(alertmanager: str) -> Iterator[Between]:
    class Handler(Quiet):
        def handle_one(self) -> None:
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self.answer(b"who are you?", 401)
            if status := found.refused.get(self.command):
                return self.answer(b"not today", status)
            length = int(self.headers["Content-Length"] or 0)
            there = http.client.HTTPConnection(str(urlsplit(alertmanager).netloc), timeout=5)
            headers = {"Content-Type": "application/json"}
            there.request(self.command, self.path, self.rfile.read(length), headers)
            answer = there.getresponse()
            body = answer.read()
            there.close()
            if self.command == "POST" and any(self.path.endswith(lost) for lost in found.lost):
                self.connection.close()
                return None
            return self.answer(body, answer.status)

        do_GET = do_POST = do_DELETE = handle_one

    found = Between()
    with listening(Handler) as found.url:
        yield found
