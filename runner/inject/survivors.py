"""Whoever survives a killed parent starts the undo: a detached process that holds the ledger while it plays.

Several survivors may do so at once; the ledger lets one play and the others find nothing left.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

TELLING_S = 20.0
LOG = "told.log"
TOLD_CLEAN, TOLD_OPEN = ".told-clean", ".told-open"
"""In the run's folder, once others were told so."""
RECENT_S = 60.0
"""A next start may wait for the undo that a survivor is playing: what is open is not told twice in so short a time."""


def argv(folder: Path) -> list[str]:
    """The command that replays a run's ledger."""
    return [sys.executable, "-P", "-m", "runner.inject.replay", str(folder)]


def tell_others(command: Sequence[str], folder: Path, *, clean: bool, late: bool) -> None:
    """Call what the run left for this, and wait a little: the undo is over, and nobody comes after us who would tell.

    Of several survivors one tells. Whoever undoes `late`, by a next start or `recover`, tells again that something is still open.
    """
    told = folder / (TOLD_CLEAN if clean else TOLD_OPEN)
    if not command or not _due(told, again=late and not clean):
        return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired), (folder / LOG).open("ab") as log:
        subprocess.run(
            [*command, str(folder), *(["late"] if late else [])],
            timeout=TELLING_S,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _due(told: Path, *, again: bool) -> bool:
    """Whether it falls to us; on a full disk two may tell the same, which is better than nobody."""
    try:
        told.touch(exist_ok=False)
    except FileExistsError:
        if not again or time.time() - told.stat().st_mtime < RECENT_S:
            return False
        told.touch()
    except OSError:
        return True
    return True


def replay(command: Sequence[str]) -> int:
    """Start it in a session of its own, holding the run's lifeline, and return its process id."""
    lifeline = os.environ.get("CHAOS_RUN_LIFELINE")
    environment = {k: v for k, v in os.environ.items() if k != "CHAOS_RUN_PART"}
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=[int(lifeline)] if lifeline else [],
        env=environment,
    )
    return process.pid
