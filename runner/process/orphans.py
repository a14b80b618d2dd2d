"""When the runner is killed, a surviving child starts the undo in a detached process, and sends the notifications that the run still owes.

Several survivors may do so at once; the ledger lets one play and the others find nothing left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

TELLING_S = 25.0
"""For the start of whom we call, ten seconds for messages and ten for dashboards."""
LOG = "told.log"
TOLD_CLEAN, TOLD_OPEN = ".told-clean", ".told-open"
"""In the run's folder, once others were told so."""
UNTOLD, TELLING = ".untold", ".telling"
"""There from before the undo until others were told, for whoever tells can die too; held by who tells, as old as the last try."""
FORGOTTEN_S = 86400.0
"""What could not be told for so long is not tried again."""
RECENT_S = 60.0
"""A next start may wait for the undo that a survivor is playing: what is open is not told twice in so short a time."""


def argv(folder: Path) -> list[str]:
    """The command that replays a run's ledger."""
    return [sys.executable, "-P", "-m", "runner.undo.replay", str(folder)]


def tell_others(command: Sequence[str], folder: Path, *, clean: bool, late: bool) -> None:
    """Call what the run left for this, and wait a little: the undo is over, and nobody comes after us who would tell.

    Of several survivors one tells. Whoever undoes `late`, by a next start or `recover`, tells again that something is still open.
    """
    claim = _lock_notification(folder) if command else None
    if claim is None:
        return
    told = folder / (TOLD_CLEAN if clean else TOLD_OPEN)
    ours = not told.exists() or (late and not clean and not _recent(told, RECENT_S))
    done = not ours or _run_command([*command, str(folder), *(["late"] if late else [])], folder / LOG, claim)
    with contextlib.suppress(OSError):
        if ours and done:
            told.touch()
        if done:
            (folder / UNTOLD).unlink(missing_ok=True)
    for descriptor in claim:
        os.close(descriptor)


def owe(folder: Path) -> None:
    """Others are to be told, by a next start if by nobody else; kept before the undo, and never in its way."""
    with contextlib.suppress(OSError):
        (folder / UNTOLD).touch(exist_ok=False)


def owed(folder: Path) -> bool:
    """Whether others are still to be told of a run."""
    return _recent(folder / UNTOLD, FORGOTTEN_S)


def may_retry_notification(folder: Path) -> bool:
    """Whether what is owed may be tried now: not while somebody does, nor at once after it."""
    return owed(folder) and not _recent(folder / TELLING, RECENT_S)


def _lock_notification(folder: Path) -> list[int] | None:
    """What to hold while we tell; None when somebody does. On a full disk two may tell the same, which is better than nobody."""
    try:
        descriptor = os.open(folder / TELLING, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError:
        return []
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    with contextlib.suppress(OSError):
        os.utime(descriptor)
    return [descriptor]


def _run_command(command: Sequence[str], log: Path, claim: Sequence[int]) -> bool:
    """Whether others were told; whom we call holds the claim too, lest we die and a next start tells beside it."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired), log.open("ab") as said:
        done = subprocess.run(
            command,
            timeout=TELLING_S,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            pass_fds=claim,
        )
        return done.returncode == 0
    return False


def _recent(path: Path, within_s: float) -> bool:
    try:
        return time.time() - path.stat().st_mtime < within_s
    except OSError:
        return False


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
