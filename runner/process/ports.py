"""Listening: who listens on this machine's ports, before a run and after it, for what programs start by way of others (a container)."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil

TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
LISTEN = " 0A "
"""In a line of these tables: the state of a listener."""


def now() -> frozenset[str]:
    """`address:port` of whoever listens by TCP; nothing where nobody may look."""
    with contextlib.suppress(psutil.Error, OSError):
        if TABLES[0].exists():
            return frozenset(where for table in TABLES if table.exists() for where in _listening(table))
        return frozenset(_by_process())
    return frozenset()


def process_clock() -> float:
    """Now in seconds of the clock by which a process tells its birth: the kernel's begins at a boot time in whole seconds."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return time.time()
    return psutil.boot_time() + time.clock_gettime(time.CLOCK_BOOTTIME)


def _listening(table: Path) -> Iterator[str]:
    """By the kernel's own table. To ask whose each one is costs a look at every open file of every process."""
    for line in table.read_text("ascii").splitlines()[1:]:
        if LISTEN in line:
            address, port = line.split()[1].split(":")
            words = (int(address[at : at + 8], 16) for at in range(0, len(address), 8))
            packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
            family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
            yield f"{socket.inet_ntop(family, packed)}:{int(port, 16)}"


def _by_process() -> dict[str, int | None]:
    """`address:port` of each listener with the id of its process, where that may be known."""
    lines = psutil.net_connections(kind="tcp")
    return {":".join(map(str, c.laddr)): c.pid for c in lines if c.status == psutil.CONN_LISTEN}


def new(before: Collection[str], since: float) -> list[str]:
    """Ports that nobody listened on before, a sentence each, by processes born after `since` (of `process_clock`); not our own."""
    fresh = now().difference(before)
    if not fresh:
        return []
    ours = {p.pid for p in (psutil.Process(), *psutil.Process().children(recursive=True))}
    found, whose = [], dict[str, int | None]()
    with contextlib.suppress(psutil.Error, OSError):
        whose = _by_process()
    for where in sorted(fresh & whose.keys()):
        pid = whose[where]
        name = "" if pid is None else _name(pid, since)
        if pid not in ours and name is not None:
            found.append(
                f"{where} is listened on{f' by {name}' if name else ''} since the run began, by it or by others"
            )
    return found


def _name(pid: int, since: float) -> str | None:
    """None of an older process, and of a pod of a playground."""
    try:
        process = psutil.Process(pid)
        older, ours = process.create_time() < since, "/runner/playground/" in " ".join(process.cmdline())
        return None if older or ours else process.name()
    except psutil.NoSuchProcess:
        return None
    except psutil.Error:
        return ""
