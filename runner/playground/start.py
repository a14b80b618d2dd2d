"""Start a playground and hold it: for a run, with a lifeline that ends it; or to stay."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from runner import clock, errors
from runner.rundir import processes

SHOP = Path(__file__).with_name("shop.yaml")
STATE = "playground.json"
LIFELINE = 3
"""The descriptor that the lifeline has in the playground."""
READY_S = 15.0
END_S = 3.0


@dataclass(frozen=True)
class Playground:
    """A playground that is, or was, up."""

    folder: Path
    kubeconfig: Path
    context: str
    urls: Mapping[str, str]
    """The services one can reach from here, by name: `{"shop": "http://127.0.0.1:30080"}`."""
    pid: int
    created: float
    """When the process was created, in seconds since the epoch: ids are used again, this pair is not."""

    def alive(self) -> bool:
        """Whether it is still up."""
        return processes.is_alive(self.pid, self.created)

    async def stop(self) -> None:
        """End it and every pod, in 3 s at the latest; nothing if it has ended already."""
        process = processes.find(self.pid, self.created)
        if process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
            await clock.poll_until_async(lambda: not self.alive(), END_S, 0.01)
            _end_process(process)
        (self.folder / STATE).unlink(missing_ok=True)


async def start(folder: Path, *, lifeline: int | None, manifests: Sequence[Path] = (SHOP,)) -> Playground:
    """Start a playground with its files in `folder` and wait until its deployments are ready (about 1.5 s).

    `lifeline` is the read end of a pipe: the playground ends when every holder of the write end has closed it or died. None: it stays
    until it is stopped. Raises EnvironmentFailure when it does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    state, log = folder / STATE, folder / "playground.log"
    state.unlink(missing_ok=True)
    process = _spawn(folder, lifeline, manifests, log)
    await clock.poll_until_async(lambda: read(folder) or _ended(process), READY_S, 0.01)
    if (found := read(folder)) is None:
        _end_process(process)
        raise errors.EnvironmentFailure("the playground did not start", hint=f"{log}: {_last_line(log)}")
    return found


def _spawn(folder: Path, lifeline: int | None, manifests: Sequence[Path], log: Path) -> psutil.Process:
    """A process that nobody has to wait for: posix_spawn leaves no object that complains when it is dropped."""
    words = [
        sys.executable,
        "-m",
        "runner.playground.server",
        *([] if lifeline is None else [f"--lifeline={LIFELINE}"]),
    ]
    words += [str(path.absolute()) for path in (folder, *manifests)]
    files: list[tuple[Any, ...]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    files += [] if lifeline is None else [(os.POSIX_SPAWN_DUP2, lifeline, LIFELINE)]
    return psutil.Process(os.posix_spawn(sys.executable, words, os.environ, file_actions=files, setsid=True))


def _end_process(process: psutil.Process) -> None:
    """Kill what still runs (pods and balancer go with it) and, where it is our child, reap it."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
        process.kill()
        process.wait(END_S)


def _ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def read(folder: Path) -> Playground | None:
    """The playground whose files are in `folder`, alive or not; None where there is none."""
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    kubeconfig = Path(state["kubeconfig"])
    return Playground(folder, kubeconfig, state["context"], state["urls"], state["pid"], state["created"])


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"
