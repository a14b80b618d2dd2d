"""NodePorts are the machine's: no two playgrounds have the same one, however close together they begin."""

from __future__ import annotations

from typing import Any

from runner.playground.ports import Ports
from runner.playground.store import ObjectStore


def test_two_playgrounds_that_ask_at_the_same_moment_are_given_different_ports() -> None:
    playgrounds = [Ports(ObjectStore(), "127.77.3"), Ports(ObjectStore(), "127.77.7")]
    given = []
    for ports in playgrounds:  # nobody listens there yet
        asked: dict[str, Any] = {"type": "NodePort", "ports": [{"port": 80, "nodePort": 31999}]}
        ports.assign({"metadata": {"name": "shop", "uid": "1"}, "spec": asked}, None)
        given.append(asked["ports"][0]["nodePort"])
    assert given[0] == 31999 != given[1]
    for ports in playgrounds:
        for claim in ports.claims.values():
            claim.close()
