"""Whole runs of shipped experiments on a real Toxiproxy: before a real PostgreSQL, and killed before anybody hears that the toxic is in."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.faults import identity
from runner.faults.postgresql.client import Postgres
from tests.fakes.listening import Quiet, listening
from tests.faults import toxiproxy_server
from tests.faults.toxiproxy_server import ask, make_proxy
from tests.journeys import harness
from tests.journeys.harness import ROOT, record, started
from tests.store.conftest import BINARIES, Server, serving
from tests.waiting import PATIENCE_S, until

CONNECTIONS = 8


@pytest.fixture
def toxiproxy(tmp_path: Path) -> Iterator[str]:
    with toxiproxy_server.running(tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    if not BINARIES:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    with serving() as running:
        yield running


@contextlib.contextmanager
def shop_with(database: str) -> Iterator[tuple[str, list[float]]]:
    """A shop whose pages come out of a database; its URL, and how long each query took."""
    import psycopg

    took: list[float] = []
    pool: queue.Queue[psycopg.Connection[tuple[int]]] = queue.Queue()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [pool.get().close() for _ in range(CONNECTIONS)])
        for _ in range(CONNECTIONS):
            pool.put(psycopg.connect(database, autocommit=True))

        class Handler(Quiet):
            def do_GET(self) -> None:
                line = pool.get()
                began = time.monotonic()
                try:
                    line = psycopg.connect(database, autocommit=True) if line.closed else line
                    line.execute("SELECT 1")
                except psycopg.OperationalError as problem:
                    self.answer(str(problem).encode(), 500)
                else:
                    took.append(time.monotonic() - began)
                    self.answer(b"1 row")
                finally:
                    pool.put(line)

        yield stack.enter_context(listening(Handler)), took


def shortened(name: str) -> harness.Json:
    """A shipped experiment that takes seconds."""
    document = harness.shortened(ROOT / "experiments" / name)
    (block,) = document["extensions"]
    block["windows"] = {"baseline": "2s", "recovery": "20s", "stable": "1s"}
    block["traffic"][0]["rate"] = "20/s"
    document["method"][0]["pauses"] = {"after": 3}
    return document


def test_a_slow_postgresql_is_felt_by_the_pages_that_need_it_and_is_as_before_afterwards(
    toxiproxy: str, database: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = make_proxy(toxiproxy, "database", f"127.0.0.1:{database.port}")
    monkeypatch.setenv("TOXIPROXY_URL", toxiproxy)
    with shop_with(f"postgresql://chaos@{listen}/postgres") as (url, took):
        monkeypatch.setenv("SHOP_URL", url)
        with started(tmp_path, shortened("database-latency.yaml")) as run:
            assert run.finish() in (0, 4), str(run.verdict)  # a busy machine sends too few requests for a verdict
    assert sum(seconds > 0.1 for seconds in took) > 20, "whoever asks it meanwhile waits for the whole delay"
    kept = record(run)
    (fault,) = kept["faults"]
    assert fault["proof"] == "proven"
    assert "has 100 ms of latency (downstream)" in fault["evidence"]
    assert fault["undo_owner"] == "undoer"
    assert not kept["residue"]
    assert ask(toxiproxy, "GET", "/proxies/database")[1]["toxics"] == []


def test_killed_before_anybody_hears_that_the_toxic_is_in_it_is_taken_out_all_the_same(
    toxiproxy: str, service: harness.Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_proxy(toxiproxy, "shop", service.url.removeprefix("http://"))
    ask(toxiproxy, "POST", "/proxies/shop/toxics", {"name": "theirs", "type": "latency"})
    monkeypatch.setenv("SHOP_URL", service.url)
    with toxiproxy_server.front(toxiproxy) as front:
        monkeypatch.setenv("TOXIPROXY_URL", front.url)
        front.swallows = True
        with started(tmp_path, shortened("network-latency.yaml")) as run:
            run.until("activity", state="started")
            assert front.swallowed.wait(PATIENCE_S), "the toxic is in"
            names = [toxic["name"] for toxic in ask(toxiproxy, "GET", "/proxies/shop")[1]["toxics"]]
            assert [name for name in names if name.startswith(identity.PREFIX)]
            run.kill("parent", "worker")
            left = ["theirs"]
            until(lambda: [t["name"] for t in ask(toxiproxy, "GET", "/proxies/shop")[1]["toxics"]] == left, "it is out")
            kept = record(run)
    assert not kept["residue"]
    assert kept["verdict"] == "ENVIRONMENT"


def test_a_run_on_the_playground_is_handed_its_links(tmp_path: Path) -> None:
    with started(tmp_path, shortened("api-errors.yaml"), "--playground", "--var", "error_share:float=0.2") as run:
        run.finish()
        kept = record(run)
    (fault,) = kept["faults"]
    assert fault["proof"] == "proven", fault
    assert "pages did not come as before (HTTP 500)" in fault["evidence"]
    assert kept["cleared"], "the links were looked at"
    assert not kept["residue"]


def test_the_canary_of_a_real_postgresql_stops_at_the_first_page_without_a_connection(
    database: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.setenv("DATABASE_URL", database.url)
    with psycopg.connect(database.url, autocommit=True) as line:
        line.execute(f"CREATE ROLE shop LOGIN CONNECTION LIMIT {CONNECTIONS}")
    server = Postgres(database.url)
    with shop_with(database.url.replace("chaos@", "shop@")) as (url, _):
        monkeypatch.setenv("SHOP_URL", url)
        document = shortened("canary-database-connections.postgresql.yaml")
        with started(tmp_path, document) as run:
            assert run.finish() == 5, str(run.verdict)
    found = server.role("shop")
    assert found
    assert found["limit"] == CONNECTIONS
    kept = record(run)
    (fault,) = kept["faults"]
    assert fault["targets"] == ["role/shop"]
    assert fault["undo_owner"] == "undoer"
    assert not kept["residue"]
