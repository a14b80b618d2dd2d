"""A front before an HTTP API that passes everything on until it is told to answer badly: 429, 500, or not at all."""

from __future__ import annotations

import contextlib
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

from runner.faults.conformance import Trouble
from tests.fakes.listening import Quiet, listening


class Front:
    """Where it listens, and what is wrong with it now."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.trouble: Trouble | None = None
        self.asked = 0
        """How many requests met the trouble."""
        self.over = threading.Event()
        """Set when the trouble is over: what it kept waiting is let go."""


@contextlib.contextmanager
def front(of: str) -> Iterator[Front]:
    """A front of the API at this address."""

    class Handler(Quiet):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if found.trouble is Trouble.SILENT:
                found.asked += 1
                found.over.wait(60)
                self.close_connection = True
                return
            if found.trouble:
                found.asked += 1
                self.answer(b'{"message": "in trouble"}', int(found.trouble))
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length")}
            request = urllib.request.Request(of + self.path, body or None, headers, method=self.command)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    self.answer(answer.read(), answer.status)
            except urllib.error.HTTPError as problem:
                self.answer(problem.read(), problem.code)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    with listening(Handler) as url:
        found = Front(url)
        try:
            yield found
        finally:
            found.over.set()


@contextlib.contextmanager
def troubled(front_: Front, trouble: Trouble) -> Iterator[None]:
    """Bad answers for as long as the block lasts."""
    front_.trouble, front_.asked = trouble, 0
    front_.over.clear()
    try:
        yield
        assert front_.asked, "nobody asked the API while it was in trouble"
    finally:
        front_.trouble = None
        front_.over.set()
