"""The processes of a run, found by the mark in their environment, whatever they forked and wherever it was adopted; and those that took
the mark off, for on Linux the runner is the one who adopts them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection, Iterable, Iterator

import psutil

from runner.rundir import processes

MARK = "CHAOS_RUN_PART"
"""`<run>:<part>`; only the worker's descendants carry `worker`, and they end with the method."""


def mark(run: str, part: str) -> dict[str, str]:
    """The environment that marks a process and all that it starts."""
    return {MARK: f"{run}:{part}"}


def marked(run: str, part: str, spare: int | None = None) -> list[psutil.Process]:
    """Every living process of that mark; this one and the one to `spare` left out."""
    wanted, others = f"{run}:{part}", (os.getpid(), spare)
    return [p for p in psutil.process_iter() if p.pid not in others and _environment(p).get(MARK) == wanted]


def adopt_orphans() -> None:
    """From here on whoever descends from us and loses its parent becomes our child, not init's; nothing where there is no such thing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def children() -> set[int]:
    """Our own children so far, by their ids."""
    return {child.pid for child in psutil.Process().children()}


def strays(known: Collection[int], worker: int) -> dict[int, float]:
    """By id with the time of birth: what descends from the worker, and orphans adopted since our children were those `known`.

    A child that we started ourselves is none: it is in our session, or carries the mark of its part. Dead ones are let go.
    """
    found: dict[int, float] = {}
    with contextlib.suppress(psutil.Error):
        found |= {p.pid: p.create_time() for p in psutil.Process(worker).children(recursive=True)}
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, OSError):
            ours = child.pid in known or os.getsid(child.pid) == os.getsid(0)
            if not ours and not _environment(child).get(MARK, ":worker").endswith(":worker"):
                ours = True
            if not ours and not _buried(child):
                found |= {p.pid: p.create_time() for p in (child, *child.children(recursive=True))}
    return found


def _buried(child: psutil.Process) -> bool:
    """An orphan that has ended waits for us to hear of it."""
    if child.status() != psutil.STATUS_ZOMBIE:
        return False
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child.pid, os.WNOHANG)
    return True


def told(found: Iterable[tuple[int, float]]) -> Iterator[str]:
    """Those that still run, with where they listen, a sentence each."""
    for process in _living(found):
        with contextlib.suppress(psutil.Error):
            ports = ", ".join(_listens(process))
            aside = f" and listens on {ports}" if ports else ""
            yield f"process {process.pid} ({process.name()}) still runs{aside}"


def _listens(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        lines = process.net_connections(kind="inet")
        return [f"{c.laddr.ip}:{c.laddr.port}" for c in lines if c.status == psutil.CONN_LISTEN]
    return []


def end(
    run: str, part: str, others: Iterable[tuple[int, float]] = (), within_s: float = 2.0, *, spare: int | None = None
) -> int:
    """Kill all that carry the mark, children born meanwhile too, and these `others` (id, time of birth); how many there were.

    Returns when none is left or the time is up.
    """
    ended, until, others = 0, time.monotonic() + within_s, [*others]
    while found := [*marked(run, part, spare), *_living(others)]:
        for process in found:
            ended += _kill(process)
        psutil.wait_procs(found, timeout=0.2)
        if time.monotonic() >= until:
            break
    return ended


def _living(others: Iterable[tuple[int, float]]) -> Iterator[psutil.Process]:
    for pid, created in others:
        if process := processes.find(pid, created):
            yield process


def ignore_signals(*numbers: signal.Signals) -> None:
    """Let these signals do nothing in this process. Not SIG_IGN: whatever we start would inherit that and could not be ended by them."""
    for number in numbers:
        signal.signal(number, lambda *_: None)


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return {}


def _kill(process: psutil.Process) -> bool:
    try:
        process.kill()
    except psutil.Error:  # gone, or somebody else's: a program may have taken other rights
        return False
    return True
