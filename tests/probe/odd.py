"""Services in a thread that fail in one way each, told of every connection: real sockets, nothing of HTTP but its bytes."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Way = Callable[[socket.socket], None]


@contextmanager
def serving(way: Way, address: str = "127.0.0.1") -> Iterator[str]:
    """A service that treats each connection that way; its URL."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen(256)
        threading.Thread(target=_accept, args=(listener, way), daemon=True).start()
        yield f"http://{f'[{address}]' if ':' in address else address}:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, way: Way) -> None:
    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=_one, args=(listener.accept()[0], way), daemon=True).start()


def _one(connection: socket.socket, way: Way) -> None:
    with connection, contextlib.suppress(OSError):
        way(connection)


def asked(connection: socket.socket) -> bool:
    """Whether a request has come; False where the client went away."""
    return bool(connection.recv(65536))


def reset(connection: socket.socket) -> None:
    """End it by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answers(connection: socket.socket) -> None:
    while asked(connection):
        connection.sendall(OK)


def works(seconds: float) -> Way:
    """Answers every request after so long."""

    def way(connection: socket.socket) -> None:
        while asked(connection):
            time.sleep(seconds)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    return way


def closes_unanswered(connection: socket.socket) -> None:
    asked(connection)


def resets_unanswered(connection: socket.socket) -> None:
    asked(connection)
    reset(connection)


def cuts_the_head(connection: socket.socket) -> None:
    asked(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")


def cuts_the_body(connection: socket.socket) -> None:
    asked(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")


def cuts_a_chunk(connection: socket.socket) -> None:
    asked(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf")


def resets_the_body(connection: socket.socket) -> None:
    cuts_the_body(connection)
    time.sleep(0.02)
    reset(connection)


def trickles(connection: socket.socket) -> None:
    asked(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def says_nothing(connection: socket.socket) -> None:
    while asked(connection):
        pass


def talks_ssh(connection: socket.socket) -> None:
    asked(connection)
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def forbids(connection: socket.socket) -> None:
    asked(connection)
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


def ends_idle(after_s: float, *, hard: bool) -> Way:
    """Answers once, keeps the connection unused for so long, and ends it as the next request arrives, which nobody reads."""

    def way(connection: socket.socket) -> None:
        asked(connection)
        connection.sendall(OK)
        time.sleep(after_s)
        select.select([connection], [], [])
        if hard:
            reset(connection)
        else:
            connection.shutdown(socket.SHUT_RDWR)

    return way


def dies_at_work(work_s: float) -> Way:
    """Answers once, and breaks off after so much work on the next request."""

    def way(connection: socket.socket) -> None:
        asked(connection)
        connection.sendall(OK)
        asked(connection)
        time.sleep(work_s)

    return way


class Fickle:
    """A service that behaves in one way until `broken`, and in another from then on. `GET /break` on `control` breaks it."""

    def __init__(self, before: Callable[[int], bytes], after: Callable[[int], bytes] | None) -> None:
        """The n-th answer; None instead: whoever comes anew is reset, who is there already is served as before."""
        self._before, self._after = before, after
        self._broken = threading.Event()
        self._number = itertools.count()

    def __call__(self, connection: socket.socket) -> None:
        if self._broken.is_set() and self._after is None:
            reset(connection)
            return
        while asked(connection):
            answer = self._after if self._broken.is_set() and self._after else self._before
            connection.sendall(answer(next(self._number)))

    def control(self, connection: socket.socket) -> None:
        asked(connection)
        self._broken.set()
        connection.sendall(OK)


def ok(_: int) -> bytes:
    return OK


def status(code: int, more: str = "") -> Callable[[int], bytes]:
    """Always this status."""
    return lambda _: f"HTTP/1.1 {code} X\r\n{more}Content-Length: 0\r\n\r\n".encode()


def every(nth: int, other: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Each nth answer is the other one, the rest is OK."""
    return lambda number: other(number) if number % nth == 0 else OK
