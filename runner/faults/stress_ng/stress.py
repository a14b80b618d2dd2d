"""Stress: what one action asks of stress-ng: whom it presses, by which options, how much of it, and what has to be left."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from runner import errors
from runner.faults import identity
from runner.faults.detached import Program
from runner.faults.stress_ng import cgroup

MB = 1 << 20
SPARE_MB = 512
"""Memory of the machine, and space on the disk of its root, that is always left to others."""
ITSELF_MB = 32
"""Memory that stress-ng needs beside what it takes."""
LONGEST_S = 3600.0
HOLDING_CORES = 0.25
"""The stressor that holds the space of a disk also reads and writes: it gets so much of a processor where control groups allow."""


@dataclass(frozen=True, kw_only=True)
class Stress:
    """One fault, before anything is started."""

    kind: str
    target: str
    does: str
    """What it does, in a few words."""
    seconds: float
    options: tuple[str, ...]
    """Of stress-ng, without its time limit."""
    name: str
    groups: tuple[str, ...] = ()
    """Control groups of its own, where any can be made."""
    joins: tuple[str, ...] = ()
    """Somebody else's control group whose limit is pressed."""
    memory: int = 0
    """Bytes that it takes."""
    memory_limit: int = 0
    """Of its own control group."""
    cores: float = 0.0
    limit_cores: float = 0.0
    until_oom: bool = False
    files: str = ""
    """The folder of its files."""
    space: int = 0
    """Bytes that its files take."""

    @property
    def argv(self) -> list[str]:
        """stress-ng ends by itself, whoever has died."""
        where = ["--temp-path", self.files] if self.files else []
        return ["stress-ng", *self.options, *where, "--timeout", f"{self.seconds:g}s"]

    @property
    def program(self) -> Program:
        return Program.named(self.name, self.groups, self.files)

    @property
    def pressed(self) -> tuple[Path, ...]:
        """The control groups for memory whose limit it meets."""
        return tuple(g for g in map(Path, (*self.joins, *self.groups)) if (g / "memory.stat").exists())


def cpu(name: str, seconds: float, workers: int, load: int) -> Stress:
    """`workers` processes (0: one for each processor), each busy for `load` percent of its time."""
    _within("load", load, 1, 100)
    _within("workers", workers, 0, 4 * _processors())
    count = workers or _processors()
    return Stress(
        kind="processors kept busy",
        target=f"processors/{platform.node()}",
        does=f"{load} % of {count} of {_processors()} processors are used"
        if count > 1
        else f"{load} % of a processor are used",
        seconds=_seconds(seconds),
        options=("--cpu", str(count), "--cpu-load", str(load)),
        name=name,
        groups=_groups(name, "cpu"),
        cores=min(count, _processors()) * load / 100,
    )


def _room_in(control_group: str) -> int:
    """MB that can be taken until somebody in it is killed. Raises EnvironmentFailure where that would be all of the machine's."""
    group = cgroup.memory_group(control_group)
    limit = cgroup.memory_limit(group)
    if limit is None:
        raise errors.EnvironmentFailure(
            f"until_oom would press the whole machine: {control_group} has no limit of memory, nor has any group around it"
        )
    return max(0, limit - cgroup.memory_used(group)) // MB


def memory(name: str, seconds: float, megabytes: int, until_oom: bool, control_group: str) -> Stress:
    """Take `megabytes` and hold them; or grow until that limit, of a control group, has somebody killed, again and again.

    With a control group of somebody else's, its own limit is what is pressed.
    """
    _within("megabytes", megabytes, 1, 1 << 20)
    joins = (str(cgroup.memory_group(control_group)),) if control_group else ()
    groups = () if joins else _groups(name, "memory")
    if until_oom and not (groups or joins):
        raise errors.EnvironmentFailure(
            "until_oom needs a control group for memory, which takes root: "
            "without one the kernel would kill whomever it likes on this machine"
        )
    taken = _room_in(control_group) if until_oom and control_group else megabytes
    if (left := psutil.virtual_memory().available // MB - taken) < SPARE_MB:
        raise errors.EnvironmentFailure(f"{taken} MB would leave {left} MB of memory to this machine, not {SPARE_MB}")
    grows = ("--bigheap", "1", "--bigheap-growth", "8m")
    holds = ("--vm", "1", "--vm-bytes", f"{megabytes}m", "--vm-hang", "0")
    return Stress(
        kind="memory taken",
        target=f"memory/{control_group.strip('/') or platform.node()}",
        does=f"{megabytes} MB of memory are taken" + (" until somebody is killed for it" if until_oom else ""),
        seconds=_seconds(seconds),
        options=grows if until_oom else holds,
        name=name,
        groups=groups,
        joins=joins,
        memory=megabytes * MB,
        memory_limit=(megabytes + (0 if until_oom else ITSELF_MB)) * MB,
        until_oom=until_oom,
    )


def disk(name: str, seconds: float, folder: str, full_percent: int, leave_free_mb: int) -> Stress:
    """Fill the folder's file system to `full_percent`, and never beyond `leave_free_mb` that stay free."""
    path = Path(folder)
    if not path.is_dir() or not os.access(path, os.W_OK):
        raise errors.EnvironmentFailure(f"{folder} is no folder that can be written to")
    _within("full_percent", full_percent, 1, 100)
    least = SPARE_MB if path.stat().st_dev == Path("/").stat().st_dev else 0
    if leave_free_mb < least:
        raise errors.EnvironmentFailure(
            f"leave_free_mb is {leave_free_mb}: {folder} is on the disk of the whole machine, which keeps {least} MB at least"
        )
    free, whole = space_free(path), space_whole(path)
    left = max(leave_free_mb * MB, whole - whole * full_percent // 100)
    space = free - left
    space -= max(MB, space // 200)  # for what the file system writes about it
    if space < MB:
        raise errors.EnvironmentFailure(f"{folder} has {free // MB} MB free, and {left // MB} MB are to be left")
    return Stress(
        kind="disk filled",
        target=f"disk{mount_point(path)}",
        does=f"{space // MB} MB are taken, {left // MB} MB are left free",
        seconds=_seconds(seconds),
        options=("--iomix", "1", "--iomix-bytes", f"{space}b", "--ionice-class", "idle"),
        name=name,
        groups=_groups(name, "cpu"),
        limit_cores=HOLDING_CORES,
        files=str(path.resolve() / name),
        space=space,
    )


READERS: Mapping[str, tuple[Callable[..., Stress], Mapping[str, Any]]] = {
    "stress_cpu": (cpu, {"workers": 0, "load": 100}),
    "stress_memory": (memory, {"until_oom": False, "control_group": ""}),
    "fill_disk": (disk, {"full_percent": 100, "leave_free_mb": 1024}),
}
"""By the action's function: what it asks, and what its arguments are by default."""
MUST = {"stress_cpu": ("seconds",), "stress_memory": ("seconds", "megabytes"), "fill_disk": ("seconds", "folder")}


def read(run: str, function: str, given: Mapping[str, Any]) -> Stress:
    """What an action asks, by its arguments. Raises EnvironmentFailure for what cannot be done here."""
    reader, defaults = READERS[function]
    if missing := [name for name in MUST[function] if given.get(name) in (None, "")]:
        raise errors.EnvironmentFailure(f"{function} needs {', '.join(missing)}")
    known = {**defaults, **given}
    for name in ("workers", "load", "megabytes", "full_percent", "leave_free_mb"):
        if name in known:
            known[name] = round(_number(name, known[name]))
    return reader(identity.name(run, {"function": function, **known}), **known)


def space_free(path: Path) -> int:
    """Bytes that somebody without special rights can still write there."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def space_whole(path: Path) -> int:
    """Bytes that are used there, or that somebody without special rights can still write."""
    found = os.statvfs(path)
    return (found.f_blocks - found.f_bfree + found.f_bavail) * found.f_frsize


def mount_point(path: Path) -> Path:
    """Where the file system of a folder begins."""
    path = path.resolve()
    while not path.is_mount():
        path = path.parent
    return path


def _groups(name: str, controller: str) -> tuple[str, ...]:
    return tuple(map(str, cgroup.paths(name, (controller,))))


def _seconds(value: Any) -> float:
    seconds = _number("seconds", value)
    if not 0 < seconds <= LONGEST_S:
        raise errors.EnvironmentFailure(f"seconds has to be more than 0 and at most {LONGEST_S:g}, not {seconds:g}")
    return seconds


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise errors.EnvironmentFailure(f"{name} has to be a number, not {value!r}") from None


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise errors.EnvironmentFailure(f"{name} has to be from {least} to {most}, not {value}")


def _processors() -> int:
    return psutil.cpu_count() or 1
