"""Waiting in tests, so that a busy machine fails none: for what is to happen, as long as it takes; how fast it is stands in benchmarks/.

A test that compares a stretch of wall-clock time with a small bound fails when the machine is busy, and says nothing about the
code. Say instead what happens, in which order and how often. Where a hang has to be told from an answer, let what would hang do so for
HANG_S and wait PATIENCE_S for the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from runner import clock

T = TypeVar("T")

PATIENCE_S = 30.0
"""Far longer than anything takes that a test waits for, far shorter than HANG_S."""
HANG_S = 100.0
"""What must not be waited for takes so long; the timeout of a test (120 s) is longer still, so that a failure says what it was."""


def until(looks: Callable[[], T], what: str, within_s: float = PATIENCE_S, every_s: float = 0.02) -> T:
    """The first true answer; fails with `what` when there is none within `within_s`."""
    found = clock.poll_until(looks, within_s, every_s)
    assert found, f"not within {within_s:g} s: {what}"
    return found


def ended(pid: int) -> bool:
    """Whether the process is gone; one that nobody has reaped yet is."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def text_of(path: Path) -> str:
    """What the file holds as soon as it holds anything."""
    until(lambda: path.exists() and path.stat().st_size, f"something stands in {path.name}")
    return path.read_text()
