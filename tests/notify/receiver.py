"""A receiver of webhooks in a thread: keeps what it gets, answers as told, or hangs."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What arrived: headers and parsed bodies."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 200 when empty."""
    hang_s: float = 0.0
    got: list[tuple[dict[str, str], bytes, dict[str, Any]]] = field(default_factory=list)

    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.got]


@contextlib.contextmanager
def receiver(**told: Any) -> Iterator[Receiver]:
    state = Receiver(**told)

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(state.hang_s)
            state.got.append((dict(self.headers), raw, json.loads(raw)))
            with contextlib.suppress(OSError):  # whoever asked may have given up
                self.send_response(state.answers.pop(0) if state.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
