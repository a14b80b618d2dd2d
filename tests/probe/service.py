"""A service in a process of its own that behaves as its URL says: `/ok`, `/500`, `/slow`, `/reset`, `/garbage`, `/cut`, `/moved`."""

from __future__ import annotations

import asyncio
import os
import struct
import sys

ANSWERS = {
    b"/ok": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"/500": b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n",
    b"/moved": b"HTTP/1.1 302 Found\r\nLocation: /500\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
    b"/garbage": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    b"/cut": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf",
}


class Service(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1]
        if path == b"/reset":
            self.transport.get_extra_info("socket").setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: RST
            self.transport.abort()
        elif path in ANSWERS:
            self.transport.write(ANSWERS[path])
            if path == b"/cut":
                self.transport.close()


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", 0, backlog=1000)
    os.write(1, f"{server.sockets[0].getsockname()[1]}\n".encode())
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
