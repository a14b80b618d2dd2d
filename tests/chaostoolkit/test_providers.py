"""A timeout is one of the whole call, in every thread; and whatever ends a call is told as a failure of it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from runner.chaostoolkit import providers
from tests.waiting import HANG_S, PATIENCE_S, until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


class Server:
    """Answers each connection with a function, and knows how each of them ended."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.answer = answer
        self.ended: list[float] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(65536)
            self.answer(connection)
        self.ended.append(time.monotonic())


@pytest.fixture
def serving() -> Iterator[Callable[[Callable[[socket.socket], None]], Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[socket.socket], None]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()


def trickling(first: bytes) -> Callable[[socket.socket], None]:
    """A byte each tenth of a second, for as long as somebody listens: no single read takes long."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(int(HANG_S / 0.1)):
            connection.sendall(b"x")
            time.sleep(0.1)

    return answer


def http(url: str, **provider: Any) -> Any:
    activity = {"type": "probe", "name": "p", "provider": {"type": "http", "url": url, **provider}}
    return providers.http(activity, {"seconds": 0.4}, {})


SLOW = {
    "body": trickling(HEAD + b"Content-Length: 1000\r\n\r\n"),
    "headers": trickling(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "chunks": trickling(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n"),
    "nothing": lambda connection: time.sleep(HANG_S),
}


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    """In this process too, and taken back: connections are noted where Chaos Toolkit's client makes them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("urllib3.util.connection.create_connection", providers._noted)
        yield


@pytest.mark.parametrize("timeout", [0.4, "${seconds}", [0.2, 0.2]])
@pytest.mark.parametrize("slow", SLOW)
def test_an_answer_that_trickles_ends_at_the_timeout_and_so_does_its_connection(
    slow: str, timeout: Any, serving: Callable[..., Server]
) -> None:
    server = serving(SLOW[slow])
    began = time.monotonic()
    with pytest.raises(ActivityFailed, match=r"took too long|timed out: no whole answer within 0\.4 s"):
        http(server.url, timeout=timeout)
    assert 0.15 < time.monotonic() - began < PATIENCE_S
    if slow != "nothing":
        until(lambda: bool(server.ended), "nobody reads on where nobody waits")


def test_a_redirect_to_a_page_that_trickles_has_the_same_end(serving: Callable[..., Server]) -> None:
    page = serving(SLOW["body"])

    def redirect(connection: socket.socket) -> None:
        time.sleep(0.2)
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {page.url}\r\nContent-Length: 0\r\n\r\n".encode())

    began = time.monotonic()
    with pytest.raises(ActivityFailed):
        http(serving(redirect).url, timeout=0.4)
    assert time.monotonic() - began < PATIENCE_S


def test_a_quick_answer_is_upstreams(serving: Callable[..., Server]) -> None:
    server = serving(lambda connection: connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok"))
    for timeout in (1, None, [1, None]):
        answer = http(server.url, timeout=timeout)
        assert (answer["status"], answer["body"]) == (200, "ok")


CUT = HEAD + b"Content-Length: 1000\r\n\r\nonly this"
NO_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{"
NOWHERE = b"HTTP/1.1 302 Found\r\nLocation: http://[::bad/\r\nContent-Length: 0\r\n\r\n"
AGAIN = b"HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (CUT, "cut short"),
        (NO_JSON, "says that it is JSON, and is not"),
        (AGAIN, "one redirect leads to another"),
        (NOWHERE, "Invalid IPv6 URL"),
        (b"no protocol at all\r\n\r\n", "BadStatusLine"),
    ],
)
def test_what_the_client_raises_is_a_failure_of_the_activity(
    answer: bytes, said: str, serving: Callable[..., Server]
) -> None:
    with pytest.raises(ActivityFailed, match=said):
        http(serving(lambda connection: connection.sendall(answer)).url, timeout=2)


@pytest.mark.parametrize("url", ["not a url", "http://", "ftp://127.0.0.1/"])
def test_an_address_that_is_none_is_a_failure_of_the_activity(url: str) -> None:
    with pytest.raises(ActivityFailed):
        http(url, timeout=1)


def process(path: str, *arguments: str) -> Any:
    provider = {"type": "process", "path": path, "arguments": list(arguments), "timeout": 5}
    return providers.process({"type": "probe", "name": "p", "provider": provider}, {}, {})


def test_a_program_that_is_gone_by_now_is_a_failure_of_the_activity() -> None:
    with pytest.raises(ActivityFailed, match="not-there-any-more"):
        process("not-there-any-more")


def test_bytes_that_are_no_text_cost_nobody_the_answer() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("chaoslib.provider.process.decode_bytes", providers.decoded)
        assert process("printf", "caf\\351 ferm\\351 \\377")["stdout"] == "caf\ufffd ferm\ufffd \ufffd"
        assert process("printf", "Zoë O'Neil & Söhne")["stdout"] == "Zoë O'Neil & Söhne"


def test_a_python_probe_is_given_up_at_its_timeout_and_an_action_is_not() -> None:
    provider = {"type": "python", "module": "time", "func": "sleep"}
    slow = {
        "name": "p",
        "timeout": 0.3,
        "provider": provider | {"module": "tests.fakes.actions", "func": "stubborn", "arguments": {"seconds": 0.8}},
    }
    with pytest.raises(ActivityFailed, match=r"within 0\.3 s"):
        providers.python(slow | {"type": "probe"}, {}, {})
    assert providers.python(slow | {"type": "action"}, {}, {}) is True


def test_a_probe_that_exits_is_told_to_who_waits() -> None:
    provider = {"type": "python", "module": "tests.fakes.actions", "func": "leave", "arguments": {"code": 3}}
    with pytest.raises(SystemExit):
        providers.python({"type": "probe", "name": "p", "timeout": 5, "provider": provider}, {}, {})


@pytest.mark.parametrize(
    ("tolerance", "value"),
    [
        ([1, 5], None),
        ({"type": "range", "range": [1, 5]}, {"status": 200}),
        ({"type": "regex", "pattern": "UP", "target": "body"}, {"status": 200, "body": {"status": "UP"}}),
        ({"type": "regex", "pattern": "UP", "target": "body"}, None),
    ],
)
def test_what_cannot_be_compared_is_not_within_tolerance(tolerance: Any, value: Any) -> None:
    assert providers.within_tolerance(tolerance, value, {}, {}) is False


def test_a_tolerance_probe_gets_the_value_and_the_experiment_stays_as_it_is() -> None:
    provider = {"type": "python", "module": "tests.fakes.actions", "func": "judge"}
    tolerance = {"type": "probe", "name": "t", "provider": provider}
    assert providers.within_tolerance(tolerance, "a secret", {}, {}) is True
    assert "arguments" not in provider


def test_a_check_without_a_timeout_has_an_end_all_the_same_and_an_action_has_none() -> None:
    assert providers.effective_timeout({"tolerance": 0}, None) == providers.CHECK_S
    assert providers.effective_timeout({"tolerance": 0}, 2) == 2
    assert providers.effective_timeout({}, None) is None
