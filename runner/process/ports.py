"""Listening: who listens on this machine's ports, before a run and after it, for what programs start by way of others (a container)."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

import psutil


def now() -> dict[str, int | None]:
    """`address:port` and the id of the process, where that may be known; nothing where nobody may look."""
    with contextlib.suppress(psutil.Error, OSError):
        lines = psutil.net_connections(kind="tcp")
        return {":".join(map(str, c.laddr)): c.pid for c in lines if c.status == psutil.CONN_LISTEN}
    return {}


def new(before: Collection[str], since: float) -> list[str]:
    """Ports that nobody listened on before, a sentence each, by processes born after `since` (seconds of the epoch); not our own."""
    ours = {p.pid for p in (psutil.Process(), *psutil.Process().children(recursive=True))}
    found = []
    for where, pid in sorted(now().items()):
        name = "" if pid is None else _name(pid, since)
        if where not in before and pid not in ours and name is not None:
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
