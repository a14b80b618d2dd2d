"""A source that answers as it is told: a Prometheus with one total and one error counter, or something that only pretends to be one."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

from tests.fakes.listening import Quiet, listening

Answer = tuple[int, str]
"""Status and body."""


def good(kind: str, result: Any, **more: Any) -> Answer:
    """A whole answer without any reservation."""
    return 200, json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more})


def vector(*values: tuple[float, str]) -> Answer:
    """An instant vector of series `n="0"`, `n="1"`…"""
    return good("vector", [{"metric": {"n": str(i)}, "value": list(v)} for i, v in enumerate(values)])


class Prometheus:
    """`answer` gets the query and its time; None from it: the connection is closed without a word."""

    def __init__(self, answer: Callable[[str, float], Answer | None] | None = None) -> None:
        self.answer = answer or self.counters
        self.begun = time.time()
        self.bad_since: float | None = None
        self.errors_until: float | None = None
        self.heads: list[dict[str, str]] = []
        self.asked: list[str] = []
        self.url = ""

    def counters(self, query: str, at: float) -> Answer:
        """100 events a second, scraped every 0.2 s; all of them bad since `bad_since`, until `errors_until`."""
        if query == "time()":
            return good("scalar", [at, str(at)])
        if "[" not in query or "increase" in query or "rate" in query:
            return vector((at, "0.001" if "errors" in query else "1"))
        back = float(query.split("[")[1].removesuffix("ms]")) / 1000
        ticks = [n / 5 for n in range(int((at - back) * 5) + 1, int(at * 5) + 1) if n / 5 >= self.begun - 60]
        since = self.bad_since if "errors" in query else self.begun - 60
        if since is None:
            return good("matrix", [{"metric": {"q": query.split("[")[0]}, "values": [[t, "0"] for t in ticks]}])
        until = self.errors_until if "errors" in query and self.errors_until is not None else at
        values = [[t, str(max(0, round((min(t, until) - since) * 100)))] for t in ticks]
        return good("matrix", [{"metric": {"q": query.split("[")[0]}, "values": values}] if values else [])


@contextlib.contextmanager
def serving(fake: Prometheus, tls: ssl.SSLContext | None = None) -> Iterator[Prometheus]:
    """On a port of its own, in threads of this process."""

    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            query, at = form["query"][0], float(form.get("time", [str(time.time())])[0])
            fake.heads.append(dict(self.headers))
            fake.asked.append(query)
            found = fake.answer(query, at)
            if found is None:
                self.close_connection = True
                return
            status, body = found
            self.answer(body.encode(), status, **({"Location": "/elsewhere"} if status in (301, 302) else {}))

    with listening(Handler, tls=tls) as fake.url:
        yield fake
