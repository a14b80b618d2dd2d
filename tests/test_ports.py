"""What tests are given to listen on: theirs alone, whatever else the machine does meanwhile."""

from __future__ import annotations

import socket

from tests.ports import PORTS, free_port, is_free


def test_each_port_is_another_one_that_is_free_and_that_no_connection_is_given() -> None:
    found = [free_port() for _ in range(20)]
    assert len({*found}) == 20
    assert all(port in PORTS for port in found)
    with socket.create_server(("127.0.0.1", 0)) as given:
        assert given.getsockname()[1] not in PORTS


def test_a_port_on_which_somebody_listens_is_not_free() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
    assert is_free(port)
