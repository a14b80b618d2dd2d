"""The load balancer: TCP connections to a service go to a random ready endpoint, as kube-proxy does it.

A process of its own: `python -I -S balancer.py`. Each line of its standard input is the whole table as JSON,
`[{"listen": ["127.0.0.1", 30080], "backends": [["127.77.1.3", 8080]]}]`; it answers `done` when the table is in force, and ends with its
standard input. A service without endpoints refuses connections and keeps its port. An endpoint that leaves keeps its open connections
until its process dies. Written on epoll itself: it stands in the way of every request whose latency is measured.
"""

from __future__ import annotations

import errno
import json
import os
import random
import select
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

Address = tuple[str, int]

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset."""

CHUNK = 65536
FULL = 4 * CHUNK
"""Bytes waiting for a slow reader at which its peer is no longer read."""

READ, WRITE, BROKEN = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR | select.EPOLLHUP

poll = select.epoll()
handlers: dict[int, Callable[[int], None]] = {}


class Side:
    """One end of a spliced connection; what it reads its peer writes."""

    def __init__(self, line: socket.socket, connected: bool) -> None:
        self.line, self.connected = line, connected
        self.peer: Side = self
        self.waiting = bytearray()
        self.ended = self.shut = False
        self.interest = READ if connected else WRITE
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handlers[line.fileno()] = self.ready
        poll.register(line.fileno(), self.interest)

    def ready(self, events: int) -> None:
        """Something can be done."""
        if not self.connected:
            self.reached()
        elif events & WRITE:
            self.flush()
        if self.line.fileno() >= 0 and self.connected and events & (READ | BROKEN):
            self.read(events)

    def reached(self) -> None:
        """The endpoint answered our connect, or is not there any more: for the client a reset."""
        if self.line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return self.break_off()
        self.connected = True
        return self.flush()

    def read(self, events: int) -> None:
        if self.ended:
            if self.shut and not events & select.EPOLLERR:  # all is said here; the peer passes on what it still has
                return poll.unregister(self.line)
            return self.break_off() if events & BROKEN else None
        try:
            data = self.line.recv(CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return self.break_off()
        if data:
            return self.peer.write(data)
        self.ended = True
        self.update()
        return self.peer.flush()

    def write(self, data: bytes) -> None:
        """Send now what can be sent, keep the rest."""
        if self.connected and not self.waiting:
            try:
                data = data[self.line.send(data) :]
            except BlockingIOError:
                pass
            except OSError:
                return self.break_off()
        if data:
            self.waiting += data
            self.update()
            self.peer.update()
        return None

    def flush(self) -> None:
        """Send what waits; when all is sent and the peer has ended, pass the end on."""
        if not self.connected:
            return None
        try:
            while self.waiting:
                del self.waiting[: self.line.send(self.waiting)]
        except BlockingIOError:
            pass
        except OSError:
            return self.break_off()
        if self.peer.ended and not self.waiting and not self.shut:
            self.shut = True
            if self.ended:
                return self.close()
            self.line.shutdown(socket.SHUT_WR)
        self.peer.update()
        return self.update()

    def update(self) -> None:
        """Ask epoll for what we can use."""
        if self.line.fileno() < 0:
            return
        reading = self.connected and not self.ended and len(self.peer.waiting) < FULL
        wanted = (READ if reading else 0) | (WRITE if self.waiting or not self.connected else 0)
        if wanted != self.interest:
            self.interest = wanted
            poll.modify(self.line.fileno(), wanted)

    def break_off(self) -> None:
        """One side broke: the other sees a reset."""
        if self.peer.line.fileno() >= 0:
            self.peer.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

    def close(self) -> None:
        """The end of both sides."""
        for side in (self, self.peer):
            forget(side.line)


def forget(line: socket.socket) -> None:
    """Close a socket and its handler."""
    if line.fileno() >= 0:
        handlers.pop(line.fileno(), None)
        line.close()  # epoll lets go of what is closed


class Service:
    """One listening address and its endpoints."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.backends: list[Address] = []
        self.holder = listening_socket(address)  # keeps the port while nobody listens: then connections are refused
        self.listener: socket.socket | None = None

    def set(self, backends: list[Address]) -> None:
        """Listen while there are endpoints."""
        self.backends = backends
        if backends and self.listener is None:
            self.listener = listening_socket(self.address)
            self.listener.listen(1024)
            handlers[self.listener.fileno()] = self.accept
            poll.register(self.listener.fileno(), READ)
        elif not backends and self.listener is not None:
            forget(self.listener)
            self.listener = None

    def close(self) -> None:
        """Give the port back; open connections stay."""
        self.set([])
        self.holder.close()

    def accept(self, events: int) -> None:
        """Take the next clients and choose an endpoint for each: one try, as a rewritten packet has only one."""
        assert self.listener is not None
        for _ in range(32):
            try:
                line, _peer = self.listener.accept()
            except OSError:
                return
            line.setblocking(False)
            self.connect(line)

    def connect(self, line: socket.socket) -> None:
        back = socket.socket()
        back.setblocking(False)
        code = back.connect_ex(random.choice(self.backends))
        if code not in (0, errno.EINPROGRESS):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            line.close()
            back.close()
            return
        front, behind = Side(line, True), Side(back, code == 0)
        front.peer, behind.peer = behind, front


def listening_socket(address: Address) -> socket.socket:
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


class Table:
    """All services of the playground, as the last line of standard input has them."""

    def __init__(self) -> None:
        self.services: dict[Address, Service] = {}
        self.held = b""

    def read(self, events: int) -> None:
        """Some input; its end is ours."""
        data = os.read(0, CHUNK)
        if not data:
            os._exit(0)
        *lines, self.held = (self.held + data).split(b"\n")
        for line in lines:
            sys.stdout.write(f"done {json.dumps(self.set(json.loads(line)))}\n")
            sys.stdout.flush()

    def set(self, wanted: list[dict[str, Any]]) -> list[str]:
        """Make the table true; returns what could not be listened on (a port below 1024, without the right to it)."""
        rows: dict[Address, list[Address]] = {
            as_address(r["listen"]): [as_address(b) for b in r["backends"]] for r in wanted
        }
        problems = []
        for address in [a for a in self.services if a not in rows]:
            self.services.pop(address).close()
        for address, backends in rows.items():
            try:
                if address not in self.services:
                    self.services[address] = Service(address)
                self.services[address].set(backends)
            except OSError as problem:
                problems.append(f"{address[0]}:{address[1]}: {problem.strerror}")
        return problems


def as_address(pair: list[Any]) -> Address:
    """A JSON pair as an address."""
    return str(pair[0]), int(pair[1])


def main() -> None:
    """Serve until the end of standard input."""
    handlers[0] = Table().read
    poll.register(0, READ)
    while True:
        for descriptor, events in poll.poll():
            handler = handlers.get(descriptor)  # an earlier event of this round may have closed it
            if handler is not None:
                handler(events)


if __name__ == "__main__":
    main()
