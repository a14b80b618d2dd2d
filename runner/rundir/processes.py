"""The processes of a run, as its folder names them for whoever comes after a crash; and whether the one that began it still lives."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import files
from runner.rundir.names import PROCESSES

if TYPE_CHECKING:
    import psutil


def write(folder: Path, **others: Any) -> None:
    """Name this process as the parent, and the others beside it."""
    import psutil  # slow to import: who only reads records does without

    ours = {"pid": os.getpid(), "create_time": psutil.Process().create_time()}
    files.write_atomically(folder / PROCESSES, {"parent": ours} | others, durable=False)


def find(pid: int, created: float) -> psutil.Process | None:
    """The process that has this id and was created then (ids are used again); None where it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if same else None


def is_alive(pid: int, created: float) -> bool:
    """Whether a process still runs and is the one that was created then."""
    return find(pid, created) is not None


def is_parent_alive(folder: Path) -> bool:
    """Whether the runner that began the run in this folder still lives."""
    parent = _parent(folder)
    return parent is not None and is_alive(*parent)


def is_parent_dead(folder: Path) -> bool:
    """Whether the folder names a runner and that has ended; not while a runner takes its own folder away, which it does file by file."""
    parent = _parent(folder)
    return parent is not None and not is_alive(*parent)


def is_parent_this_process(folder: Path) -> bool:
    """Whether this very process began it."""
    parent = _parent(folder)
    return parent is not None and parent[0] == os.getpid() and is_alive(*parent)


def _parent(folder: Path) -> tuple[int, float] | None:
    """Its process id and when it was created; None where the folder does not say."""
    try:
        parent = json.loads((folder / PROCESSES).read_text(encoding="utf-8"))["parent"]
        return int(parent["pid"]), float(parent["create_time"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
