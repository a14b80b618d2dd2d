"""The processes of a run, found by the mark in their environment: whatever they forked, wherever it was adopted."""

from __future__ import annotations

import os
import signal
import time

import psutil

MARK = "CHAOS_RUN_PART"
"""`<run>:<part>`; only the worker's descendants carry `worker`, and they end with the method."""


def mark(run: str, part: str) -> dict[str, str]:
    """The environment that marks a process and all that it starts."""
    return {MARK: f"{run}:{part}"}


def marked(run: str, part: str, spare: int | None = None) -> list[psutil.Process]:
    """Every living process of that mark; this one and the one to `spare` left out."""
    wanted, others = f"{run}:{part}", (os.getpid(), spare)
    return [p for p in psutil.process_iter() if p.pid not in others and _environment(p).get(MARK) == wanted]


def end(run: str, part: str, within_s: float = 2.0, *, spare: int | None = None) -> int:
    """Kill them all, children born meanwhile too; how many there were. Returns when none is left or the time is up."""
    ended, until = 0, time.monotonic() + within_s
    while (found := marked(run, part, spare)) and time.monotonic() < until:
        for process in found:
            ended += _kill(process)
        psutil.wait_procs(found, timeout=0.2)
    return ended


def deafen(*numbers: signal.Signals) -> None:
    """Let these signals do nothing here. Not SIG_IGN: whatever we start would inherit that and could not be ended by them."""
    for number in numbers:
        signal.signal(number, lambda *_: None)


def alive(pid: int, created: float) -> bool:
    """Whether a process is still the one that had this id and was created then (ids are used again)."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return {}


def _kill(process: psutil.Process) -> bool:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True
