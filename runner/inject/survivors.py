"""Whoever survives a killed parent starts the undo: a detached process that holds the ledger while it plays.

Several survivors may do so at once; the ledger lets one play and the others find nothing left.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def argv(folder: Path) -> list[str]:
    """The command that replays a run's ledger."""
    return [sys.executable, "-P", "-m", "runner.inject.replay", str(folder)]


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
