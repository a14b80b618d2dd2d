"""Unfinished runs: what a dead runner left is put back before anything else is broken."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.faults import registry
from runner.process import orphans
from runner.rundir import processes
from runner.rundir.ledger import Ledger
from runner.rundir.names import PROCESSES, RECORD, START


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A run whose runner is dead: without a record, with something still open in its ledger, or with others still to be told."""

    run: str
    folder: Path
    context: str
    outstanding: tuple[str, ...]
    over: bool
    """All is put back and on record; only the telling is left, and stops nobody."""


def find(runs: Path) -> list[Unfinished]:
    """Every such run, oldest first. It reads the runs that were not known to be finished, not all there ever were."""
    folders = sorted(runs.iterdir()) if runs.is_dir() else []
    return [_describe(f) for f in folders if (f / PROCESSES).exists() and _is_unfinished(f)]


def recover(run: Unfinished, within_s: float = 300.0) -> bool:
    """Play its ledger in a process of its own and wait. True when everything was put back."""
    nothing = subprocess.DEVNULL  # what a rollback prints is none of our own output
    try:  # in a session of its own: an impatient Ctrl-C must not reach it
        done = subprocess.run(
            [*orphans.argv(run.folder), "late"],
            timeout=within_s,
            check=False,
            stdin=nothing,
            stdout=nothing,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return run.over
    return run.over or done.returncode == 0


def _is_unfinished(folder: Path) -> bool:
    if processes.is_parent_alive(folder):
        return False
    if Ledger(folder).outstanding():
        return True
    if not (folder / RECORD).exists():  # without a start message it never came to a change
        begun = bool(_json(folder / START))
        if not begun:
            registry.forget(folder)
        return begun
    if orphans.owed(folder):
        return orphans.may_retry_notification(folder)
    registry.forget(folder)
    (folder / PROCESSES).unlink(missing_ok=True)
    return False


def _describe(folder: Path) -> Unfinished:
    outstanding = tuple(r.what for r in Ledger(folder).outstanding())
    return Unfinished(
        run=folder.name,
        folder=folder,
        context=str(_json(folder / START).get("context") or ""),
        outstanding=outstanding,
        over=not outstanding and (folder / RECORD).exists(),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
