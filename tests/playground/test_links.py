"""The playground's service links: Toxiproxy's API and its refusals, our own toxics, and a shop that feels what its database feels."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from runner.playground import start
from tests.playground.conftest import children
from tests.playground.test_balancer import is_balancer
from tests.waiting import until


@pytest.fixture
def api(playground: start.Playground) -> Iterator[Callable[..., tuple[int, Any]]]:
    """Asks the links' API; afterwards all toxics are gone."""

    def ask(method: str, path: str, body: Any = None, agent: str = "test") -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        url = playground.urls["toxiproxy"] + path
        asked = urllib.request.Request(url, data=data, method=method, headers={"User-Agent": agent})
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as problem:
            return problem.code, json.loads(problem.read())

    yield ask
    assert ask("POST", "/reset")[0] == 204


def page(playground: start.Playground, path: str = "/") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(playground.urls["shop"] + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        return problem.code, problem.read().decode()


def test_it_answers_as_toxiproxy_does(api: Callable[..., tuple[int, Any]], playground: start.Playground) -> None:
    """By Toxiproxy 2.12's api.go, and by what a real one answered."""
    status, proxies = api("GET", "/proxies")
    assert status == 200
    assert {*proxies} == {"shop", "database"}
    assert proxies["shop"]["listen"] == playground.urls["shop"].removeprefix("http://")
    toxic = {"type": "latency", "attributes": {"latency": 5}}
    made = {"name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 1.0}
    made |= {"attributes": {"latency": 5, "jitter": 0}}
    assert api("POST", "/proxies/shop/toxics", toxic) == (200, made)
    assert api("POST", "/proxies/shop/toxics", toxic)[0] == 409
    assert api("GET", "/proxies/shop/toxics") == (200, [made])
    changed = made | {"attributes": {"latency": 7, "jitter": 0}}
    assert api("PATCH", f"/proxies/shop/toxics/{made['name']}", {"attributes": {"latency": 7}}) == (200, changed)
    assert api("DELETE", f"/proxies/shop/toxics/{made['name']}")[0] == 204
    assert api("DELETE", f"/proxies/shop/toxics/{made['name']}")[0] == 404
    assert api("GET", "/proxies/typo") == (404, {"error": "proxy not found", "status": 404})
    assert api("POST", "/proxies/shop/toxics", {"type": "typo"}) == (
        400,
        {"error": "invalid toxic type", "status": 400},
    )
    assert api("POST", "/proxies/shop/toxics", toxic | {"stream": "up"})[0] == 400
    assert api("GET", "/proxies", agent="Mozilla/5.0")[0] == 403
    assert api("POST", "/proxies", {"name": "mine", "upstream": "127.0.0.1:1"})[0] == 400
    assert api("DELETE", "/proxies/shop")[0] == 400


def test_an_error_is_answered_before_the_shop_hears_of_it(
    api: Callable[..., tuple[int, Any]], playground: start.Playground
) -> None:
    toxic = {"name": "e", "type": "http_error", "stream": "upstream", "attributes": {"status": 503}}
    assert api("POST", "/proxies/shop/toxics", toxic)[0] == 200
    assert page(playground) == (503, "")
    assert api("DELETE", "/proxies/shop/toxics/e")[0] == 204
    assert page(playground)[0] == 200


def test_a_page_is_as_slow_as_the_database_and_fails_with_it(
    api: Callable[..., tuple[int, Any]], playground: start.Playground
) -> None:
    assert page(playground, "/orders") == (200, "1 row")
    toxic = {"name": "t", "type": "timeout", "attributes": {"timeout": 0}}
    assert api("POST", "/proxies/database/toxics", toxic)[0] == 200
    assert page(playground, "/orders") == (504, "the database did not answer within 2 s")
    assert page(playground)[0] == 200, "what asks no database feels nothing"
    assert api("DELETE", "/proxies/database/toxics/t")[0] == 204
    assert page(playground, "/orders") == (200, "1 row")
    assert api("PATCH", "/proxies/database", {"enabled": False})[0] == 200
    status, said = page(playground, "/orders")
    assert status == 500
    assert said.startswith("the database: ")
    assert api("PATCH", "/proxies/database", {"enabled": True})[0] == 200
    assert page(playground, "/orders") == (200, "1 row")


def test_a_limit_of_connections_resets_the_newest_and_refuses_more(
    api: Callable[..., tuple[int, Any]], playground: start.Playground
) -> None:
    for enabled in (False, True):  # pods keep connections from earlier tests, which would be older than ours
        assert api("PATCH", "/proxies/database", {"enabled": enabled})[0] == 200
    host, _, port = api("GET", "/proxies/database")[1]["listen"].rpartition(":")
    first, second = (socket.create_connection((host, int(port)), timeout=10) for _ in range(2))
    with first, second:
        assert [query(line) for line in (first, second)] == [b"1 row\n"] * 2
        toxic = {"name": "l", "type": "limit_connections", "attributes": {"connections": 1}}
        assert api("POST", "/proxies/database/toxics", toxic)[0] == 200
        assert query(first) == b"1 row\n"
        with pytest.raises(ConnectionError):
            query(second)
        with pytest.raises(ConnectionError), socket.create_connection((host, int(port)), timeout=10) as third:
            query(third)
        assert api("DELETE", "/proxies/database/toxics/l")[0] == 204
        with socket.create_connection((host, int(port)), timeout=10) as fourth:
            assert query(fourth) == b"1 row\n"
        assert query(first) == b"1 row\n"


def query(line: socket.socket) -> bytes:
    line.sendall(b"select\n")
    if not (answer := line.recv(100)):
        raise ConnectionError("closed")
    return answer


def test_a_toxic_comes_and_goes_without_breaking_a_connection(
    api: Callable[..., tuple[int, Any]], playground: start.Playground
) -> None:
    """What it holds goes on at once: an undo ends a minute's delay, and loses nothing."""
    host, _, port = api("GET", "/proxies/database")[1]["listen"].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        assert query(line) == b"1 row\n"
        toxic = {"name": "t", "type": "latency", "attributes": {"latency": 60000}}
        assert api("POST", "/proxies/database/toxics", toxic)[0] == 200
        line.sendall(b"select\n")
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(100)
        line.settimeout(10)
        assert api("DELETE", "/proxies/database/toxics/t")[0] == 204
        assert line.recv(100) == b"1 row\n"


def test_toxics_outlive_the_balancer(api: Callable[..., tuple[int, Any]], playground: start.Playground) -> None:
    toxic = {"name": "e", "type": "http_error", "stream": "upstream", "attributes": {"status": 503}}
    assert api("POST", "/proxies/shop/toxics", toxic)[0] == 200
    (balancer,) = filter(is_balancer, children(playground.pid))
    balancer.kill()
    until(lambda: answered(playground) == 503, "another balancer answers, with the same toxics")


def answered(playground: start.Playground) -> int:
    try:
        return page(playground)[0]
    except (OSError, psutil.Error):
        return 0
