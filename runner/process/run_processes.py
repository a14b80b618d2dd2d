"""The processes of a run, found by the mark in their environment, whatever they forked and wherever it was adopted; and those that took
the mark off, for on Linux the runner is the one who adopts them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import psutil

from runner.rundir import processes

MARK = "CHAOS_RUN_PART"
"""`<run>:<part>`; only the worker's descendants carry `worker`, and they end with the method."""


def mark(run: str, part: str) -> dict[str, str]:
    """The environment that marks a process and all that it starts."""
    return {MARK: f"{run}:{part}"}


def marked(run: str, part: str, spare: int | None = None) -> list[psutil.Process]:
    """Every living process of that mark; this one and the one to `spare` left out."""
    found, wanted = [], f"{MARK}={run}:{part}".encode()
    for pid in psutil.pids():
        if pid not in (os.getpid(), spare) and wanted in _environment(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
    return found


def adopt_orphans() -> None:
    """From here on whoever descends from us and loses its parent becomes our child, not init's; nothing where there is no such thing."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def children() -> set[int]:
    """Our own children so far, by their ids."""
    return {child.pid for child in psutil.Process().children()}


def strays(known: Collection[int], worker: int) -> dict[int, float]:
    """By id with the time of birth: what descends from the worker, and orphans adopted since our children were those `known`.

    A child that we started ourselves is none: it is in our session, or carries the mark of its part. Dead ones are let go.
    """
    found: dict[int, float] = {}
    for process in psutil.Process().children(
        recursive=True
    ):  # one look at all processes; parents before their children
        with contextlib.suppress(psutil.Error, OSError):
            parent = process.ppid()
            if parent in found or parent == worker or (parent == os.getpid() and _adopted(process, known)):
                found[process.pid] = process.create_time()
    return found


def _adopted(child: psutil.Process, known: Collection[int]) -> bool:
    """Whether it is an orphan that came to us, and still lives."""
    if child.pid in known or os.getsid(child.pid) == os.getsid(0):
        return False
    marks = [mark for mark in _environment(child.pid) if mark.startswith(f"{MARK}=".encode())]
    return all(mark.endswith(b":worker") for mark in marks) and not _reaped(child)


def _reaped(child: psutil.Process) -> bool:
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


def _environment(pid: int) -> Collection[bytes]:
    """Its variables as `NAME=value`; none of a process that is gone or not ours to look into."""
    try:
        return Path("/proc", str(pid), "environ").read_bytes().split(b"\0")
    except FileNotFoundError:
        pass  # gone, or there is no such file system
    except OSError:
        return ()
    try:
        return [f"{name}={value}".encode() for name, value in psutil.Process(pid).environ().items()]
    except (psutil.Error, OSError):
        return ()


def _kill(process: psutil.Process) -> bool:
    try:
        process.kill()
    except psutil.Error:  # gone, or somebody else's: a program may have taken other rights
        return False
    return True
