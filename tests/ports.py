"""Ports for servers that bind them a while after they were chosen.

One that the machine chose (a bind to port 0) and that was let go again it may give to anybody, to a connection of another worker's
test among them, before Python, Prometheus or PostgreSQL have started. So these are none that it gives away.
"""

from __future__ import annotations

import itertools
import os
import socket

PORTS = range(11000, 20000)
"""Below those of Toxiproxy's proxies in tests (20000), of NodePorts (30000), and of connections (32768 in Linux)."""
WORKERS = 5
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
_own = PORTS[_worker::WORKERS]
_begin = os.getpid() % len(_own)
"""Not the same in two sessions on one machine."""
_next = itertools.cycle((*_own[_begin:], *_own[:_begin]))


def free_port() -> int:
    """A loopback port that nobody listens on, a new one with each call."""
    return next(port for port in itertools.islice(_next, len(_own)) if is_free(port))


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
