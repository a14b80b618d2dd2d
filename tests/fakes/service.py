"""A small real service that can be broken and mended over HTTP; `python -m tests.fakes.service PORT`.

`/` answers 200, or 500 while broken; `/break`, `/mend`, `/state` (`broken` or `fine`); `/log` lists what was asked of it.
`/garbage` says it is JSON and is not; `/health` always answers 200.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys


class Service:
    """Its whole state: broken or not, and what happened."""

    def __init__(self) -> None:
        self.broken = False
        self.log: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self.answer(head.split()[1].decode()))
                await writer.drain()
        writer.close()

    def answer(self, path: str) -> bytes:
        if path in ("/break", "/mend"):
            self.broken = path == "/break"
            self.log.append(path)
        body = {"/state": "broken" if self.broken else "fine", "/log": " ".join(self.log), "/garbage": "{"}.get(
            path, "ok"
        )
        status = "500 Internal Server Error" if path == "/" and self.broken else "200 OK"
        kind = "application/json" if path == "/garbage" and self.broken else "text/plain"
        return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def main() -> None:
    server = await asyncio.start_server(Service().serve, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
