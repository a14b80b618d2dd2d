"""Actions and probes for journeys: slow, wrong and rude ones."""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any


def break_and_wait(url: str, seconds: float = 20.0) -> bool:
    """Break the service and stay in the call."""
    urllib.request.urlopen(f"{url}/break", timeout=5).close()
    time.sleep(seconds)
    return True


def nothing() -> list[str]:
    """An action that hits nothing and says so."""
    return []


def unencodable() -> set[bytes]:
    """What JSON cannot hold."""
    return {b"bytes"}


def leave(code: int) -> None:
    sys.exit(code)


def crash() -> None:
    os.kill(os.getpid(), 11)


def last_words(text: str) -> None:
    print(text, flush=True)
    raise RuntimeError(text)


def stubborn(seconds: float) -> bool:
    """Swallows whatever wants to end it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            time.sleep(0.1)
        except BaseException:  # noqa: BLE001 - this is what a rude extension does
            continue
    return True


def echo_secret(secrets: dict[str, Any] | None = None) -> dict[str, Any]:
    """Gives a secret away in every way it can."""
    print(f"the token is {secrets}", flush=True)
    return {"leaked": secrets}


def write(path: str, text: str) -> bool:
    Path(path).write_text(text)
    return True


def nothing_at_all() -> None:
    """A probe without a value."""
