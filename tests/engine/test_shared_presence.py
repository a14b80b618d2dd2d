"""A run on a shared record: what it leaves there, and that whatever happens to the record it ends in peace."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runner.engine import shared_presence
from runner.rundir import paths
from runner.store import Store
from tests.engine.sessions import new_session
from tests.waiting import PATIENCE_S


@pytest.fixture
def url(tmp_path: Path) -> str:
    path = str(tmp_path / "shared.db")
    Store.open(path).close()
    return paths.store_url(path)


@pytest.fixture
def shared(url: str) -> Iterator[Store]:
    with Store.open(url) as store:
        yield store


@pytest.mark.parametrize("struck", [False, True])
def test_only_a_run_that_injected_nothing_leaves_word_that_it_is_harmless(
    struck: bool, url: str, shared: Store, tmp_path: Path
) -> None:
    async def run() -> str:
        session = new_session()
        async with shared_presence.joined(session, url) as mates:
            await mates.claim(["shop"])
            session.injecting = struck
        session.leave()
        return session.run

    name = asyncio.run(run())
    assert shared.presence.live() == []
    assert (shared.presence.last_words(name) is None) is struck


def test_a_run_that_has_left_is_not_seen_again(
    url: str, shared: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_presence, "RENEW_S", 0.0)  # a heartbeat is always due

    async def run() -> shared_presence.Team:
        session = new_session()
        async with shared_presence.joined(session, url) as mates:
            await mates.claim(["shop"])
        await asyncio.to_thread(mates.join, 5)
        session.leave()
        return mates

    assert not asyncio.run(run()).is_alive()
    assert shared.presence.live() == []


def test_a_record_that_answers_only_after_the_run_disturbs_nobody(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs past the end; then it says that the target was lost, to a run whose loop is closed."""
    monkeypatch.setattr(shared_presence, "RENEW_S", 0.0)
    monkeypatch.setattr(shared_presence, "LEAVE_S", 0.2)

    async def run(other: sqlite3.Connection) -> shared_presence.Team:
        session = new_session()
        async with shared_presence.joined(session, url) as mates:
            await mates.claim(["shop"])
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(2 * shared_presence.POLL_S)  # the next heartbeat waits
        session.leave()
        return mates

    with closing(sqlite3.connect(tmp_path / "shared.db", isolation_level=None, timeout=10)) as other:
        mates = asyncio.run(run(other))
        assert mates.is_alive(), "still waiting"
        other.execute("UPDATE locks SET run = 'thief'")
        other.execute("COMMIT")
        mates.join(PATIENCE_S)  # what a thread dies of is an error of the test
    assert not mates.is_alive()
