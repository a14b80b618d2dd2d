"""What the kernel says of a stress: processor time, memory, kills and free space, never stress-ng's own word."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from runner.faults.stress_ng import cgroup, exit_codes, stress
from runner.faults.stress_ng.stress import MB, Stress

SAMPLE_S = 0.5
"""How long processor time is counted."""
ENOUGH = 0.8
"""The share of what was asked that has to be seen."""
TOKEN = 0.05
"""The share of the processor time that was asked which has to be ours: on a busy machine others take the rest."""


def before(asked: Stress) -> dict[str, Any]:
    """What is compared with afterwards."""
    found: dict[str, Any] = {"oom_kills": sum(map(cgroup.oom_kills, asked.pressed))}
    if asked.files:
        found |= {"free": stress.space_free(Path(asked.files).parent), "space": asked.space}
    return found


def look(asked: Stress, earlier: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether it takes effect now, and what was seen."""
    if not asked.program.working():
        return False, _ended(asked)
    if asked.files:
        return _disk(asked, earlier)
    return _memory(asked, earlier) if asked.memory else _processors(asked)


def _ended(asked: Stress) -> str:
    code, words = asked.program.exit_code(), asked.program.last_words()
    if code is None:
        return f"no process of {asked.name} runs"
    return f"stress-ng has ended with {exit_codes.said(code)}" + (f" ({words})" if words else "")


def _processors(asked: Stress) -> tuple[bool, str]:
    spent = _spent(asked)
    whole = psutil.cpu_times()
    time.sleep(SAMPLE_S)
    now, later = psutil.cpu_times(), _spent(asked)
    passed = sum(now) - sum(whole)
    idle = (now.idle - whole.idle + getattr(now, "iowait", 0.0) - getattr(whole, "iowait", 0.0)) / (passed or 1)
    ours = sum(later[pid] - spent.get(pid, later[pid]) for pid in later) / SAMPLE_S
    wanted = asked.cores / (psutil.cpu_count() or 1)
    sentence = f"the processors are busy for {1 - idle:.0%}, and stress-ng uses {ours:.2f} of {psutil.cpu_count()}"
    return 1 - idle >= ENOUGH * wanted and ours >= TOKEN * asked.cores, sentence


def _spent(asked: Stress) -> dict[int, float]:
    """Seconds of processor time by process."""
    found = dict[int, float]()
    for process in asked.program.working():
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found


def _memory(asked: Stress, earlier: Mapping[str, Any]) -> tuple[bool, str]:
    kills = sum(map(cgroup.oom_kills, asked.pressed)) - int(earlier.get("oom_kills", 0))
    taken = _taken(asked)
    if asked.until_oom:
        return kills > 0, f"the kernel has killed {kills} processes for want of memory; {taken // MB} MB are taken now"
    return taken >= ENOUGH * asked.memory, f"stress-ng has taken {taken // MB} MB of memory"


def _taken(asked: Stress) -> int:
    if asked.groups:
        return sum(map(cgroup.memory_used, map(Path, asked.groups)))
    found = 0
    for process in asked.program.working():
        with contextlib.suppress(psutil.Error):
            found += process.memory_info().rss
    return found


def _disk(asked: Stress, earlier: Mapping[str, Any]) -> tuple[bool, str]:
    free = stress.space_free(Path(asked.files).parent)
    taken = int(earlier["free"]) - free
    sentence = f"{asked.target.removeprefix('disk')} has {free // MB} MB free, {taken // MB} MB less than before"
    return taken >= ENOUGH * int(earlier["space"]), sentence
