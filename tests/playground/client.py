"""A user of the shop: one new connection for each request."""

from __future__ import annotations

import contextlib
import http.client
import time
from urllib.parse import urlsplit

Failures = (OSError, http.client.HTTPException)


def ask(url: str, path: str = "/hostname", headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and body; raises one of `Failures`."""
    where = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(where.netloc, timeout=5)) as line:
        line.request("GET", path, headers=headers or {})
        answer = line.getresponse()
        return answer.status, answer.read().decode()


def outcomes(url: str, seconds: float) -> list[tuple[float, bool]]:
    """A request each 10 ms: when it was made, and whether it was answered with 200."""
    found, began = [], time.monotonic()
    while (at := time.monotonic() - began) < seconds:
        try:
            found.append((at, ask(url)[0] == 200))
        except Failures:
            found.append((at, False))
        time.sleep(0.01)
    return found
