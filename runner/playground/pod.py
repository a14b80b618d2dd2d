"""One container: a process that answers like agnhost's `netexec`. Run as a file, it imports little and starts in 0.1 s.

`python -I -S pod.py ADDRESS PORT HOSTNAME`: it logs to standard output and ends when its standard input does, so it cannot outlive
the playground.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from urllib.parse import parse_qs, urlsplit

REASONS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
STARTED = time.monotonic()


def log(text: str) -> None:
    """A line as Go's log package writes it."""
    sys.stdout.write(time.strftime("%Y/%m/%d %H:%M:%S ") + text + "\n")
    sys.stdout.flush()


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive and pipelining, bodies skipped."""

    hostname = "pod"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.held = b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        while b"\r\n\r\n" in self.held:
            head, _, rest = self.held.partition(b"\r\n\r\n")
            length = content_length(head)
            if len(rest) < length:
                return
            self.held = rest[length:]
            self.answer(head, rest[:length])

    def answer(self, head: bytes, body: bytes) -> None:
        """One request."""
        line, *fields = head.decode("latin-1").split("\r\n")
        try:
            method, target, version = line.split(" ")
        except ValueError:
            return self.reply(400, "400 Bad Request", close=True)
        close = version == "HTTP/1.0" or any(f.lower().replace(" ", "") == "connection:close" for f in fields)
        url = urlsplit(target)
        asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        if method == "POST" and body:
            asked |= {key: values[0] for key, values in parse_qs(body.decode("latin-1")).items()}
        return self.route(url.path, asked, close)

    def route(self, path: str, asked: dict[str, str], close: bool) -> None:
        """The paths of netexec that matter here."""
        if path == "/healthz":
            return self.reply(200, "", close)
        if path in ("/hostname", "/hostName"):
            log(f"GET {path}")
            return self.reply(200, self.hostname, close)
        if path == "/clientip":
            host, port = self.transport.get_extra_info("peername")[:2]
            return self.reply(200, f"{host}:{port}", close)
        if path == "/echo":
            log(f"GET /echo?msg={asked.get('msg', '')}")
            return self.reply(code(asked.get("code", "200")), asked.get("msg", ""), close)
        if path in ("/exit", "/shutdown"):
            log(f"GET {path}")
            os._exit(code(asked.get("code", "0")))
        log(f"GET {path}")
        return self.reply(200, f"NOW: {moment()} m=+{time.monotonic() - STARTED:.9f}", close)

    def reply(self, status: int, text: str, close: bool = False) -> None:
        """One answer."""
        body = text.encode()
        kind = "Content-Type: text/plain; charset=utf-8\r\n" if body else ""
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        end = "Connection: close\r\n" if close else ""
        head = f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n{kind}{end}\r\n"
        self.transport.write(head.encode("latin-1") + body)
        if close:
            self.transport.close()


def content_length(head: bytes) -> int:
    """The length of the body that follows a request's head."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def code(text: str) -> int:
    """A status or exit code from a query."""
    return int(text) if text.isdigit() else 400


def moment() -> str:
    """The time as Go prints it."""
    nanoseconds = time.time_ns()
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(nanoseconds // 10**9)) + f".{nanoseconds % 10**9:09d} +0000 UTC"
    )


async def main(address: str, port: int, hostname: str) -> None:
    """Serve until the end of standard input or a SIGTERM."""
    loop = asyncio.get_running_loop()
    Connection.hostname = hostname
    loop.add_reader(0, lambda: os.read(0, 4096) or os._exit(0))
    loop.add_signal_handler(signal.SIGTERM, lambda: os._exit(0))
    if port:
        await loop.create_server(Connection, address, port, backlog=1024)
        log(f"Started HTTP server on port {port}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
