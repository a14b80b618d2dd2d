"""The load balancer alone, between sockets of the test."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from runner.playground import proxy
from tests.waiting import PATIENCE_S

Set = Callable[..., None]
SIZE = 8 * 2**20


@pytest.fixture
def table() -> Iterator[Set]:
    """A balancer; called with rows, it returns when they are in force."""
    words = [sys.executable, "-I", "-S", str(proxy.SCRIPT)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def put(*rows: tuple[int, list[int]]) -> None:
            listed = [
                {"listen": ["127.0.0.1", at], "backends": [["127.0.0.1", b] for b in ports]} for at, ports in rows
            ]
            process.stdin.write(json.dumps(listed) + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            assert process.stdout.readline() == "done []\n"  # type: ignore[union-attr]

        yield put
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0  # it ends with its input


@pytest.fixture
def echo() -> Iterator[int]:
    """Sends back what it gets, and its end after the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(line,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def answer(line: socket.socket) -> None:
    with line, contextlib.suppress(ConnectionError):
        while data := line.recv(65536):
            line.sendall(data)


def test_bytes_and_half_closed_lines_go_through(table: Set, echo: int, free_port: Callable[[], int]) -> None:
    at = free_port()
    table((at, [echo]))
    sent = bytes(range(256)) * (SIZE // 256)
    with socket.create_connection(("127.0.0.1", at), timeout=10) as line:
        writer = threading.Thread(target=lambda: (line.sendall(sent), line.shutdown(socket.SHUT_WR)))
        writer.start()
        got = b"".join(iter(lambda: line.recv(65536), b""))
        writer.join()
    assert got == sent


def test_a_service_that_has_said_all_is_heard_to_the_end(table: Set, echo: int, free_port: Callable[[], int]) -> None:
    at = free_port()
    table((at, [echo]))
    for size in range(1, 13):  # one of them ends while the balancer still holds what we have not read
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.settimeout(10)
            line.connect(("127.0.0.1", at))
            writer = threading.Thread(
                target=lambda n=size: (line.sendall(bytes(n << 18)), line.shutdown(socket.SHUT_WR))
            )
            writer.start()
            time.sleep(0.1)
            assert len(b"".join(iter(lambda: line.recv(65536), b""))) == size << 18
            writer.join()


def test_a_reader_that_is_slow_holds_the_writer_up(table: Set, echo: int, free_port: Callable[[], int]) -> None:
    at = free_port()
    table((at, [echo]))
    with socket.create_connection(("127.0.0.1", at), timeout=1) as line:
        with pytest.raises(TimeoutError):
            line.sendall(bytes(32 * SIZE))  # nobody reads: it cannot all be held
        assert line.recv(1) == b"\0"


def test_a_line_outlives_its_row(table: Set, echo: int, free_port: Callable[[], int]) -> None:
    at = free_port()
    table((at, [echo]))
    with socket.create_connection(("127.0.0.1", at), timeout=5) as line:
        line.sendall(b"a")
        assert line.recv(1) == b"a"
        table()
        line.sendall(b"b")
        assert line.recv(1) == b"b"


def test_without_endpoints_the_port_is_held_and_refuses(table: Set, echo: int, free_port: Callable[[], int]) -> None:
    at = free_port()
    table((at, []))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", at), timeout=5)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", at))
    table((at, [echo]))
    socket.create_connection(("127.0.0.1", at), timeout=5).close()


def test_an_endpoint_that_is_gone_is_a_reset(table: Set, free_port: Callable[[], int]) -> None:
    at, nobody = free_port(), free_port()
    table((at, [nobody]))
    with (
        pytest.raises(ConnectionResetError),  # as early as during the connect, if we are slow
        socket.create_connection(("127.0.0.1", at), timeout=5) as line,
    ):
        line.recv(1)


def is_balancer(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
        return str(proxy.SCRIPT) in process.cmdline()
    return False


def test_a_client_that_resets_as_its_service_ends_takes_nobody_with_it(
    table: Set, free_port: Callable[[], int]
) -> None:
    """Both are heard of in the same moment: there is nobody any more to pass the end on to."""
    (balancer,) = filter(is_balancer, psutil.Process().children())
    with socket.create_server(("127.0.0.1", 0)) as service:
        at = free_port()
        table((at, [service.getsockname()[1]]))
        line = socket.create_connection(("127.0.0.1", at), timeout=5)
        behind, _ = service.accept()
        line.sendall(b"a")
        assert behind.recv(1) == b"a"
        balancer.suspend()
        behind.close()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
        balancer.resume()
        with socket.create_connection(("127.0.0.1", at), timeout=5) as other:
            service.settimeout(5)
            behind, _ = service.accept()
            with behind:
                behind.sendall(b"b")
            assert other.recv(1) == b"b"
