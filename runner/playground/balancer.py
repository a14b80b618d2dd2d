"""The load balancer: TCP connections to a service go to a random ready endpoint, as kube-proxy does it, through the service's toxics.

A process of its own: `python -I -S balancer.py`. Each line of its standard input is the whole table as JSON,
`[{"listen": ["127.0.0.1", 30080], "backends": [["127.77.1.3", 8080]], "toxics": [], "enabled": true}]`; it answers `done` when the table is
in force, and ends with its standard input. A service without endpoints refuses connections and keeps its port; a disabled one does so too,
and its connections end. An endpoint that leaves keeps its open connections until its process dies. Written on epoll itself: it stands in
the way of every request whose latency is measured.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

if __name__ == "__main__":  # -I looks nowhere
    sys.path.insert(0, __file__.rsplit("/", 3)[0])

from runner.playground import toxics

Address = tuple[str, int]

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset."""

CHUNK = 65536
FULL = 4 * CHUNK
"""Bytes waiting for a slow reader at which its peer is no longer read."""

NEVER = float("inf")
READ, WRITE, BROKEN = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR | select.EPOLLHUP

poll = select.epoll()
handlers: dict[int, Callable[[int], None]] = {}
timers: list[tuple[float, int, Callable[[], None]]] = []
_numbers = itertools.count()


class Side:
    """One end of a spliced connection; what it reads its peer writes, when the toxics let it."""

    def __init__(self, line: socket.socket, connected: bool, service: Service, stream: str) -> None:
        self.line, self.connected, self.service = line, connected, service
        self.peer: Side = self
        self.flow, self.deaf, self.wakes_at = toxics.Flow(stream), False, NEVER
        self.born = next(_numbers)
        service.sides.add(self)
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
        if self.deaf:  # it was answered, and there is nobody behind it any more
            return None if data else self.close()
        if data and not self.service.toxics and not self.flow.held:
            return self.peer.write(data)
        now = time.monotonic()
        if data:
            self.flow.put(now, data, self.service.toxics)
        else:
            self.ended = True
            self.flow.end(now, self.service.toxics)
        self.update()
        return self.pass_on()

    def pass_on(self) -> None:
        """Hand the peer what is due, and come back for the rest."""
        flow, now = self.flow, time.monotonic()
        if self.line.fileno() < 0:
            pass
        elif flow.answer:
            self.answer(flow.answer)
        elif flow.reset_at is not None and flow.reset_at <= now:
            self.reset()
        else:
            for data in flow.due(now):
                self.peer.write(data)
            self.end(now)

    def end(self, now: float) -> None:
        """Of this direction or of the whole connection, when the time has come; else come back."""
        flow = self.flow
        if flow.cut_at is not None and flow.cut_at <= now:
            self.close()
        elif flow.ends_at is not None and flow.ends_at <= now:
            flow.ends_at = None
            self.peer.flush()
        moment = flow.next()
        if self.line.fileno() >= 0 and moment is not None and moment < self.wakes_at:
            self.wakes_at = moment
            heapq.heappush(timers, (moment, next(_numbers), self.wake))
        self.update()

    def wake(self) -> None:
        self.wakes_at = NEVER
        self.pass_on()

    def answer(self, said: bytes) -> None:
        """In the place of the endpoint, which hears no more."""
        self.flow, self.deaf = toxics.Flow(self.flow.stream), True
        forget(self.peer.line)
        self.service.sides.discard(self.peer)
        self.write(said)
        shut(self.line)

    def reset(self) -> None:
        """Both ends see a reset."""
        for side in (self, self.peer):
            if side.line.fileno() >= 0:
                side.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

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
        if (
            self.peer.ended
            and not self.peer.flow.held
            and self.peer.flow.ends_at is None
            and not self.waiting
            and not self.shut
        ):
            self.shut = True
            if self.ended and self.flow.next() is None:
                return self.close()
            if not shut(self.line):
                return self.break_off()
        self.peer.update()
        return self.update()

    def update(self) -> None:
        """Ask epoll for what we can use."""
        if self.line.fileno() < 0:
            return
        reading = self.connected and not self.ended and len(self.peer.waiting) + self.flow.size < FULL
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
            self.service.sides.discard(side)


def shut(line: socket.socket) -> bool:
    """Pass on that nothing more comes; not to one that was reset, which we have not heard yet."""
    try:
        line.shutdown(socket.SHUT_WR)
    except OSError:
        return False
    return True


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
        self.toxics: list[toxics.Toxic] = []
        self.sides: set[Side] = set()
        """Both ends of its connections."""
        self.holder = listening_socket(address)  # keeps the port while nobody listens: then connections are refused
        self.listener: socket.socket | None = None

    def set(self, backends: list[Address], present: list[toxics.Toxic] | None = None, enabled: bool = True) -> None:
        """Listen while there are endpoints, and nobody has disabled it."""
        self.poison(present or [])
        if not enabled:
            backends = []
            for side in [*self.sides]:
                side.close()
        self.backends = backends
        if backends and self.listener is None:
            self.listener = listening_socket(self.address)
            self.listener.listen(1024)
            handlers[self.listener.fileno()] = self.accept
            poll.register(self.listener.fileno(), READ)
        elif not backends and self.listener is not None:
            forget(self.listener)
            self.listener = None

    def poison(self, present: list[toxics.Toxic]) -> None:
        """These toxics hold from now on, for open connections too."""
        if present == self.toxics:
            return
        self.toxics, now = present, time.monotonic()
        for side in [*self.sides]:
            side.flow.release(now, present)
            side.pass_on()
        if (most := self.limit()) is not None:
            for side in self.clients()[most:]:
                side.reset()

    def clients(self) -> list[Side]:
        """The ends of its connections that are the clients', the oldest first."""
        return sorted((s for s in self.sides if s.flow.stream == toxics.UPSTREAM), key=lambda side: side.born)

    def limit(self) -> int | None:
        """How many connections it takes."""
        return toxics.most_connections(self.toxics)

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
            if (most := self.limit()) is not None and len(self.clients()) >= most:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                line.close()
            else:
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
        front, behind = Side(line, True, self, toxics.UPSTREAM), Side(back, code == 0, self, toxics.DOWNSTREAM)
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
        rows = {as_address(row["listen"]): row for row in wanted}
        problems = []
        for address in [a for a in self.services if a not in rows]:
            self.services.pop(address).close()
        for address, row in rows.items():
            try:
                if address not in self.services:
                    self.services[address] = Service(address)
                backends = [as_address(pair) for pair in row["backends"]]
                self.services[address].set(backends, row.get("toxics"), row.get("enabled", True))
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
        wait = max(0.0, timers[0][0] - time.monotonic()) if timers else None
        for descriptor, events in poll.poll(wait):
            handler = handlers.get(descriptor)  # an earlier event of this round may have closed it
            if handler is not None:
                handler(events)
        while timers and timers[0][0] <= time.monotonic():
            heapq.heappop(timers)[2]()


if __name__ == "__main__":
    main()
