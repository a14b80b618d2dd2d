"""Actions and probes for journeys: slow, wrong and rude ones."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any


def break_and_wait(url: str, seconds: float = 20.0) -> bool:
    """Break the service and stay in the call."""
    urllib.request.urlopen(f"{url}/break", timeout=30).close()
    time.sleep(seconds)
    return True


def break_twice(url: str, pause: float = 3.0) -> float:
    """Broken for a second and a half, well for a while, and broken again for two seconds; in one call.

    Gives the seconds that it really took from the first break to the last mend.
    """
    asked = []
    for path, seconds in (("break", 1.5), ("mend", pause), ("break", 2.0), ("mend", 0.5)):
        urllib.request.urlopen(f"{url}/{path}", timeout=30).close()
        asked.append(time.monotonic())
        time.sleep(seconds)
    return asked[-1] - asked[0]


def draw(count: int = 3) -> list[str]:
    """Takes some targets at random, as the extensions do."""
    return random.sample([f"pod-{n}" for n in range(50)], count)


def nothing() -> list[str]:
    """An action that hits nothing and says so."""
    return []


def judge(value: Any = None) -> bool:
    """A tolerance that everything is within."""
    return True


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


def tell(path: str, secrets: dict[str, Any]) -> None:
    """Writes a secret down, to show that it was known."""
    Path(path).write_text(secrets["token"])


def echo_secret(secrets: dict[str, Any] | None = None) -> dict[str, Any]:
    """Gives a secret away in every way it can."""
    print(f"the token is {secrets}", flush=True)
    return {"leaked": secrets}


def write(path: str, text: str) -> bool:
    Path(path).write_text(text)
    return True


def nothing_at_all() -> None:
    """A probe without a value."""


def odd_output() -> dict[Any, Any]:
    """Keys that JSON does not know, a number that it does not know, and no end."""
    odd: dict[Any, Any] = {("a", 1): {b"bytes"}, "nan": float("nan")}
    odd["itself"] = odd
    return odd


def leave_child_and_crash(pid_file: str) -> None:
    """Die of a signal while a child holds everything open that it was given."""
    child = subprocess.Popen(["sleep", "1000"])
    Path(pid_file).write_text(str(child.pid))
    print("the last words before the crash", flush=True)
    crash()


def mend_loudly(url: str, seconds: float = 0.0, secrets: dict[str, Any] | None = None) -> bool:
    """A rollback that prints, takes its time, and mends."""
    print(f"mending with {secrets}", flush=True)
    time.sleep(seconds)
    urllib.request.urlopen(f"{url}/mend", timeout=30).close()
    return True


def give_away_and_fail(secrets: dict[str, Any] | None = None) -> None:
    raise RuntimeError(f"failed with {secrets}")


def leave_thread() -> bool:
    """An extension that never joins what it started."""
    threading.Thread(target=time.sleep, args=(60,)).start()
    return True


def give(answer: Any) -> Any:
    """Returns what it is given."""
    return answer
