"""Start a playground and hold it: for a run, with a lifeline that ends it; or to stay."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import errors

SHOP = Path(__file__).with_name("shop.yaml")
READY_S = 15.0
END_S = 3.0


@dataclass(frozen=True)
class Playground:
    """A playground that is up."""

    folder: Path
    kubeconfig: Path
    context: str
    urls: Mapping[str, str]
    """The services one can reach from here, by name: `{"shop": "http://127.0.0.1:30080"}`."""
    pid: int

    async def stop(self) -> None:
        """End it and every pod; nothing if it has ended already."""
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + END_S
        while alive(self.pid):
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
            await asyncio.sleep(0.01)


async def start(folder: Path, *, lifeline: int | None, manifests: Sequence[Path] = (SHOP,)) -> Playground:
    """Start a playground with its files in `folder` and wait until its deployments are ready (about 1.5 s).

    `lifeline` is the read end of a pipe: the playground ends when every holder of the write end has closed it or died. The write end
    must not be inheritable. None: it stays until it is stopped. Raises EnvironmentFailure when it does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state, log = folder / "playground.json", folder / "playground.log"
    state.unlink(missing_ok=True)
    process = _spawn(folder, lifeline, manifests, log)
    deadline = time.monotonic() + READY_S
    while not state.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise errors.EnvironmentFailure("the playground did not start", hint=f"{log}: {_last_line(log)}")
        await asyncio.sleep(0.01)
    return read(folder)


def _spawn(folder: Path, lifeline: int | None, manifests: Sequence[Path], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "runner.playground.server", str(folder)]
    command += [] if lifeline is None else ["--lifeline", str(lifeline)]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, *map(str, manifests)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=() if lifeline is None else (lifeline,),
        )


def read(folder: Path) -> Playground:
    """The playground whose files are in `folder`; raises FileNotFoundError."""
    state: dict[str, Any] = json.loads((folder / "playground.json").read_text(encoding="utf-8"))
    return Playground(folder, Path(state["kubeconfig"]), state["context"], state["urls"], state["pid"])


def alive(pid: int) -> bool:
    """Whether a process runs; a child of ours that has ended is reaped on the way."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"
