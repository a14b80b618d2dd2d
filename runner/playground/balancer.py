"""The load balancer: TCP connections to a service go to a random ready endpoint, as kube-proxy does it.

A process of its own: `python -I -S balancer.py`. Each line of its standard input is the whole table as JSON,
`[{"listen": ["127.0.0.1", 30080], "backends": [["127.77.1.3", 8080]]}]`; it answers `done` when the table is in force, and ends with its
standard input. A service without endpoints refuses connections and keeps its port. An endpoint that leaves keeps its open connections
until its process dies.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import struct
import sys
from typing import Any

Address = tuple[str, int]

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset."""


class Half(asyncio.Protocol):
    """One side of a spliced connection; what it reads its peer writes."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: Half | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        no_delay(transport)

    def data_received(self, data: bytes) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.write(data)
        else:
            self.early.append(data)

    def eof_received(self) -> bool:
        """A half-closed side: pass it on and keep the other open."""
        if self.peer is not None and self.peer.transport is not None and self.peer.transport.can_write_eof():
            self.peer.transport.write_eof()
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        other = self.peer.transport if self.peer is not None else None
        if other is not None:
            if exc is not None:
                reset(other)
            else:
                other.close()

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.resume_reading()


class Front(Half):
    """The client's side: chooses an endpoint and connects to it."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.service = service

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.connecting = asyncio.get_running_loop().create_task(self.connect())

    async def connect(self) -> None:
        """One try, as a rewritten packet has only one; an endpoint that has just died is a connection reset."""
        assert self.transport is not None
        back = Half()
        try:
            address = random.choice(self.service.backends)
            await asyncio.get_running_loop().create_connection(lambda: back, *address)
        except (OSError, IndexError):
            reset(self.transport)
            return
        back.peer, self.peer = self, back
        if self.transport.is_closing():
            assert back.transport is not None
            back.transport.close()
            return
        for data in self.early:
            self.data_received(data)


class Service:
    """One listening address and its endpoints."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.backends: list[Address] = []
        self.holder = bound(address)  # keeps the port while nobody listens: then connections are refused
        self.server: asyncio.Server | None = None

    async def set(self, backends: list[Address]) -> None:
        """Listen while there are endpoints."""
        self.backends = backends
        if backends and self.server is None:
            listener = bound(self.address)
            self.server = await asyncio.get_running_loop().create_server(
                lambda: Front(self), sock=listener, backlog=1024
            )
        elif not backends and self.server is not None:
            self.server.close()
            self.server = None

    async def close(self) -> None:
        """Give the port back; open connections stay."""
        await self.set([])
        self.holder.close()


def bound(address: Address) -> socket.socket:
    """A socket that shares its address with the others of this process."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        made.bind(address)
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made


def no_delay(transport: asyncio.Transport) -> None:
    """Small answers at once."""
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def reset(transport: asyncio.Transport) -> None:
    """Close so that the other side sees a reset."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()


class Table:
    """All services of the playground."""

    def __init__(self) -> None:
        self.services: dict[Address, Service] = {}

    async def set(self, wanted: list[dict[str, Any]]) -> list[str]:
        """Make the table true; returns what could not be listened on (a port below 1024, without the right to it)."""
        rows: dict[Address, list[Address]] = {
            as_address(r["listen"]): [as_address(b) for b in r["backends"]] for r in wanted
        }
        problems = []
        for address in [a for a in self.services if a not in rows]:
            await self.services.pop(address).close()
        for address, backends in rows.items():
            try:
                if address not in self.services:
                    self.services[address] = Service(address)
                await self.services[address].set(backends)
            except OSError as problem:
                problems.append(f"{address[0]}:{address[1]}: {problem.strerror}")
        return problems


def as_address(pair: list[Any]) -> Address:
    """A JSON pair as an address."""
    return str(pair[0]), int(pair[1])


async def main() -> None:
    """Read tables until the end of standard input."""
    table, reader = Table(), asyncio.StreamReader(limit=2**22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        problems = await table.set(json.loads(line))
        sys.stdout.write("done " + json.dumps(problems) + "\n")
        sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
