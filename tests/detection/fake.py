"""A server that pretends to be an Alertmanager, for what a real one does not do: break in the middle of a run, answer nonsense."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

STATUS = b'{"config": {"original": "route:\\n  group_wait: 45s\\n"}}'


@dataclass
class Fake:
    """What it answers, and with which headers it was asked; there is no alert."""

    url: str
    status: int = 200
    body: bytes = STATUS
    headers: list[dict[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def fake_alertmanager() -> Iterator[Fake]:
    """It answers on a thread until the end."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.headers.append({k.lower(): v for k, v in self.headers.items()})
            body = b"[]" if self.path.startswith("/api/v2/alerts") else found.body
            self.send_response(found.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Fake(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
