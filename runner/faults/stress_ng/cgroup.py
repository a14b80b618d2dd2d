"""Control groups of a fault's own, version 1 and 2: what is pressed in one cannot take more than was asked for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import psutil

from runner import clock, errors

ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000
BUSY_S = 3.0
"""How long the last process of a group may take to leave it."""


def paths(name: str, controllers: tuple[str, ...], root: Path = ROOT) -> tuple[Path, ...]:
    """Where the groups of that name would be; none where we may not make any."""
    if _is_v2(root):
        offered = set((root / "cgroup.subtree_control").read_text().split())
        folders = [root] if offered >= set(controllers) else []
    else:
        folders = [root / controller for controller in controllers]
    usable = all(folder.is_dir() and os.access(folder, os.W_OK) for folder in folders)
    return tuple(folder / name for folder in folders) if usable else ()


def make(groups: tuple[Path, ...], *, memory: int = 0, cores: float = 0.0, root: Path = ROOT) -> None:
    """Make them, with at most so many bytes of memory and so much of the processors; 0: no limit. Raises EnvironmentFailure."""
    if _is_v2(root):
        limits = {
            "memory.max": str(memory) if memory else "",
            "cpu.max": f"{_quota(cores)} {PERIOD_US}" if cores else "",
        }
    else:
        limits = {
            "memory.limit_in_bytes": str(memory) if memory else "",
            "cpu.cfs_quota_us": _quota(cores) if cores else "",
        }
    wanted = {name: value for name, value in limits.items() if value}
    for group in groups:
        try:
            group.mkdir(exist_ok=True)
            wanted = _unset(group, wanted)
        except OSError as problem:
            raise errors.EnvironmentFailure(f"no control group can be made at {group}: {problem.strerror}") from None
    if wanted:
        raise errors.EnvironmentFailure(f"the control groups {', '.join(map(str, groups))} know no {', '.join(wanted)}")


def oom_kills(group: Path) -> int:
    """How often the kernel has killed somebody in it because it was full."""
    for name in ("memory.events", "memory.oom_control"):
        with contextlib.suppress(OSError):
            words = dict(line.split() for line in (group / name).read_text().splitlines())
            return int(words.get("oom_kill", 0))
    return 0


def memory_used(group: Path) -> int:
    """Its bytes of memory, now."""
    for name in ("memory.current", "memory.usage_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            return int((group / name).read_text())
    return 0


def memory_limit(group: Path, root: Path = ROOT) -> int | None:
    """Bytes that it may take: the smallest limit of its own and of the groups around it; None where none of them has one."""
    around = [group, *group.parents]
    limits = [limit for folder in around[: around.index(root)] if (limit := _limit(folder))]
    return min(limits, default=None)


def _limit(group: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        with contextlib.suppress(
            OSError, ValueError
        ):  # no limit is the word "max", or in version 1 a number beyond any machine
            limit = int((group / name).read_text())
            return limit if limit < psutil.virtual_memory().total else None
    return None


def memory_group(named: str, root: Path = ROOT) -> Path:
    """Somebody else's group for memory, by its path below the root. Raises EnvironmentFailure where there is none."""
    folder = root if _is_v2(root) else root / "memory"
    found = (folder / named.strip("/")).resolve()
    if not found.is_relative_to(folder.resolve()) or found == folder.resolve() or not (found / "cgroup.procs").exists():
        raise errors.EnvironmentFailure(f"there is no control group {named!r} below {folder}")
    return found


def remove(groups: tuple[Path, ...]) -> bool:
    """Whether there were any. Raises EnvironmentFailure for one that cannot be removed, for instance while somebody is in it."""
    there = [group for group in groups if group.exists()]
    for group in there:
        if error := clock.poll_until(lambda group=group: _remove(group), BUSY_S, 0.1, enough=lambda said: not said):  # type: ignore[misc]
            raise errors.EnvironmentFailure(f"the control group {group} cannot be removed: {error}")
    return bool(there)


def _remove(group: Path) -> str:
    """Why not."""
    try:
        group.rmdir()
    except FileNotFoundError:
        return ""
    except OSError as problem:
        return problem.strerror or str(problem)
    return ""


def _unset(group: Path, limits: Mapping[str, str]) -> dict[str, str]:
    """Set the limits that this group knows; those that are left for others: each controller of version 1 has a group of its own."""
    for name in (known := [name for name in limits if (group / name).exists()]):
        (group / name).write_text(limits[name])
    return {name: value for name, value in limits.items() if name not in known}


def _quota(cores: float) -> str:
    return str(round(cores * PERIOD_US))


def _is_v2(root: Path) -> bool:
    return (root / "cgroup.controllers").exists()
