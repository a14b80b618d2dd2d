"""One container: a process that answers like agnhost's `netexec`. Run as a file, it imports little and starts in 0.1 s.

`python -I -S pod.py ADDRESS PORT HOSTNAME [DATABASE]`: it logs to standard output and ends when its standard input does, so it cannot
outlive the playground. What agnhost does not have is `/orders`: a page that asks the database at HOST:PORT before it answers.
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
    504: "Gateway Timeout",
}
STARTED = time.monotonic()
POOL = 6
"""Connections to the database at most; who finds none free waits."""
IDLE_S = 1.0
"""How long a connection is kept that nobody uses."""
AGAIN_S = 0.01
QUERY_S = 2.0
"""How long a page waits for the database, a free connection included."""


ASKING: set[asyncio.Task[None]] = set()


def log(text: str) -> None:
    """A line as Go's log package writes it."""
    sys.stdout.write(time.strftime("%Y/%m/%d %H:%M:%S ") + text + "\n")
    sys.stdout.flush()


class Database:
    """A pool of connections, opened when they are needed and closed when they are not. While it has some, a new one that is refused is
    no error: who asks waits for one of those."""

    def __init__(self, address: str) -> None:
        self.host, _, self.port = address.rpartition(":")
        self.free: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.used = 0
        """Connections that have answered before, and are asked now."""
        self.slots = asyncio.Semaphore(POOL)

    async def ask(self) -> str:
        """One row. Raises OSError with the database's words, or TimeoutError."""
        async with asyncio.timeout(QUERY_S), self.slots:
            while True:
                if kept := self.take():
                    self.used += 1
                    try:
                        return await self.query(*kept)
                    except ConnectionError:  # it was closed while nobody used it
                        continue
                    finally:
                        self.used -= 1
                try:
                    return await self.query(*await asyncio.open_connection(self.host, int(self.port)))
                except ConnectionError:
                    if not self.free and not self.used:
                        raise
                await asyncio.sleep(AGAIN_S)

    async def query(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        answered = False
        try:
            writer.write(b"select\n")
            said = (await reader.readline()).decode().strip()
            answered = bool(said) and not said.startswith("FATAL")
            if not answered:
                raise ConnectionError(said or "the database closed the connection")
            return said
        finally:
            if answered:
                self.free.append((time.monotonic(), reader, writer))
                asyncio.get_running_loop().call_later(IDLE_S, self.close_idle)
            else:
                writer.close()

    def take(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        while self.free:
            _, reader, writer = self.free.pop()
            if not reader.at_eof() and not writer.is_closing() and reader.exception() is None:
                return reader, writer
            writer.close()
        return None

    def close_idle(self) -> None:
        kept = []
        for since, reader, writer in self.free:
            if time.monotonic() - since < IDLE_S * 0.9:
                kept.append((since, reader, writer))
            else:
                writer.close()
        self.free = kept


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive and pipelining, bodies skipped."""

    hostname = "pod"
    database: Database | None = None

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
        if path == "/orders" and self.database:
            asking = asyncio.get_running_loop().create_task(self.orders(close))
            ASKING.add(asking)
            return asking.add_done_callback(ASKING.discard)
        if path in ("/exit", "/shutdown"):
            log(f"GET {path}")
            os._exit(code(asked.get("code", "0")))
        log(f"GET {path}")
        return self.reply(200, f"NOW: {moment()} m=+{time.monotonic() - STARTED:.9f}", close)

    async def orders(self, close: bool) -> None:
        """A page out of the database."""
        assert self.database
        try:
            status, said = 200, await self.database.ask()
        except TimeoutError:
            status, said = 504, f"the database did not answer within {QUERY_S:g} s"
        except OSError as problem:
            status, said = 500, f"the database: {problem}"
        log(f"GET /orders {status} {said}")
        if not self.transport.is_closing():
            self.reply(status, said, close)

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


async def main(address: str, port: int, hostname: str, database: str = "") -> None:
    """Serve until the end of standard input or a SIGTERM."""
    loop = asyncio.get_running_loop()
    Connection.hostname = hostname
    Connection.database = Database(database) if database else None
    loop.add_reader(0, lambda: os.read(0, 4096) or os._exit(0))
    loop.add_signal_handler(signal.SIGTERM, lambda: os._exit(0))
    if port:
        await loop.create_server(Connection, address, port, backlog=1024)
        log(f"Started HTTP server on port {port}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
