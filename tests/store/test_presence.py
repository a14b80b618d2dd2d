"""Runs on one record keep off each other's targets, by the database's own clock, and hear what is told them once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from runner.store import Store
from runner.store.presence import LASTS_S, Held, Presence


@pytest.fixture
def presence(store: Store) -> Presence:
    return store.presence


def silent(store: Store, run: str, seconds: float) -> None:
    """As if a run had not been heard of for so long."""
    with store._database.write() as writer:
        writer.execute(
            "UPDATE live_runs SET renewed = renewed - :seconds WHERE run = :run", {"seconds": seconds, "run": run}
        )


def test_a_target_has_one_holder_until_it_lets_go(store: Store, presence: Presence) -> None:
    presence.appear("a", "host-a", "ann")
    presence.appear("b", "host-b", "bob")
    assert presence.claim("a", ["shop", "nodes"]) == []
    with pytest.raises(Held) as held:
        presence.claim("b", ["cart", "shop"])
    assert held.value.scope == "shop"
    assert (held.value.holder.run, held.value.holder.host, held.value.holder.person) == ("a", "host-a", "ann")
    assert "run a of ann on host-a since 20" in held.value.holder.holding
    assert "its locks expire after 60 s of silence" in held.value.holder.holding
    assert store._database.read("SELECT * FROM locks WHERE scope = 'cart'", {}) == [], "all or none"
    presence.release("a")
    assert presence.claim("b", ["cart", "shop"]) == []
    assert [(run.run, run.lost) for run in presence.live()] == [("a", False), ("b", False)]
    presence.leave("a")
    assert [run.run for run in presence.live()] == ["b"]


def test_a_silent_holder_counts_until_its_time_is_over_and_not_longer(store: Store, presence: Presence) -> None:
    presence.appear("a", "host-a", "ann")
    presence.appear("b", "host-b", "bob")
    presence.claim("a", ["shop"])
    silent(store, "a", LASTS_S - 20)
    with pytest.raises(Held, match="shop"):
        presence.claim("b", ["shop"])
    assert [run.run for run in presence.claim("b", ["shop"], dead={"a"})] == ["a"], "known to be dead"
    presence.leave("b")
    presence.renew("a", "host-a", "ann", ["shop"])
    silent(store, "a", LASTS_S + 1)
    presence.appear("b", "host-b", "bob")
    assert [run.run for run in presence.claim("b", ["shop"])] == ["a"]
    with pytest.raises(Held) as lost:
        presence.renew("a", "host-a", "ann", ["shop"])
    assert lost.value.holder.run == "b"
    presence.renew("b", "host-b", "bob", ["shop"])


def test_a_record_that_was_made_anew_has_its_locks_again_with_the_next_heartbeat(
    store: Store, presence: Presence
) -> None:
    presence.renew("a", "host-a", "ann", ["shop"])
    presence.appear("b", "host-b", "bob")
    with pytest.raises(Held):
        presence.claim("b", ["shop"])


def test_of_many_that_want_a_target_at_once_one_gets_it(store: Store) -> None:
    runs = [f"run-{number}" for number in range(6)]

    def wants(run: str) -> bool:
        with Store.open(store._database.url) as own:
            own.presence.appear(run, "host", "somebody")
            try:
                own.presence.claim(run, ["shop", "nodes", "cart"])
            except Held:
                return False
            return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(wants, runs)) == 1


def test_a_message_is_heard_once_and_dated_to_when_it_was_said(presence: Presence) -> None:
    presence.appear("a", "host-a", "ann")
    before = time.monotonic_ns()
    first = presence.tell("a", {"kind": "ack", "by": "bob", "note": "two\nlines"}, said_s=2.0)
    presence.tell("other", {"kind": "stop"}, said_s=0.0)
    ((number, message),) = presence.hear("a").items()
    assert (number, message["note"]) == (first, "two\nlines")
    assert before - 2.1e9 < message["mono_ns"] < time.monotonic_ns() - 1.9e9
    assert not presence.heard(first)
    presence.acknowledge([number])
    assert presence.heard(first)
    assert presence.hear("a") == {}


def test_a_message_that_is_no_object_is_left_out(store: Store, presence: Presence) -> None:
    for number, body in enumerate(("[1]", "7", "no JSON {")):
        with store._database.write() as writer:
            given = {"id": str(number), "body": body}
            writer.execute("INSERT INTO messages (id, run, sent, body) VALUES (:id, 'a', 0, :body)", given)
    number_of_good = presence.tell("a", {"kind": "stop"}, said_s=0.0)
    assert list(presence.hear("a")) == [number_of_good]
