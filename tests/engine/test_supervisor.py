"""Nothing is injected with an undoer that could not mask, and one that replaces another asks no vault before it undoes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from runner import errors
from runner.engine.supervisor import Supervisor
from runner.rundir.start_message import StartMessage
from tests.fakes.listening import Quiet, listening
from tests.rundir.starts import start
from tests.waiting import HANG_S, PATIENCE_S

pytest.importorskip("hvac", reason="the extra vault is not installed")


@dataclass
class Vault:
    """Gives the worker its secret; what it does to the undoer is the test's."""

    url: str = ""
    refuses: bool = False
    asked: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    """Until then whoever asks hangs."""


@contextmanager
def vault() -> Iterator[Vault]:
    served = Vault()
    served.released.set()

    class Handler(Quiet):
        def do_GET(self) -> None:
            served.asked += 1
            served.released.wait(HANG_S)
            if served.refuses and "runner.undo.undoer" in _asking(
                self.client_address[1], self.server.server_address[1]
            ):
                self.answer(b'{"errors": ["permission denied"]}', 403)
            else:
                self.answer(json.dumps({"data": {"data": {"key": "hunter2-and-more"}, "metadata": {}}}).encode())

    with listening(Handler) as served.url:
        yield served
        served.released.set()


def _asking(port: int, ours: int) -> list[str]:
    """The command line of the process at the other end; others may have that port for connections that lead elsewhere."""
    there = [c for c in psutil.net_connections("tcp") if c.pid and c.laddr and c.laddr.port == port]
    (pid,) = {c.pid for c in there if c.raddr and c.raddr.port == ours}
    return psutil.Process(pid).cmdline()


@contextmanager
def _lifeline() -> Iterator[int]:
    ours, theirs = os.pipe()
    try:
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


def _start(folder: Path, url: str) -> StartMessage:
    document = {
        "configuration": {"vault_addr": url, "vault_token": "t"},
        "secrets": {"team": {"token": {"type": "vault", "path": "p", "key": "key"}}},
    }
    return start(folder, run=f"{folder.name}-{os.getpid()}", document=document)


def test_a_vault_that_fails_just_the_undoer_stops_the_run_before_it_breaks_anything(tmp_path: Path) -> None:
    async def crew(supervisor: Supervisor) -> None:
        await supervisor.open()
        try:
            with pytest.raises(errors.EnvironmentFailure, match=r"secrets cannot be read: .*permission denied"):
                await supervisor.ready()
        finally:
            await supervisor.close()

    with vault() as served, _lifeline() as lifeline:
        served.refuses = True
        asyncio.run(crew(Supervisor(_start(tmp_path, served.url), {}, lifeline)))


def test_an_undoer_that_replaces_another_waits_for_no_vault(tmp_path: Path) -> None:
    async def crew(supervisor: Supervisor) -> None:
        await supervisor.open()
        try:
            await supervisor.ready()
            supervisor.arm_undo()
            served.released.clear()
            os.kill(supervisor.undoer.pid, signal.SIGKILL)
            await supervisor.undoer_died.wait()
            asked = served.asked
            async with asyncio.timeout(PATIENCE_S):
                assert await supervisor.undo()
            assert served.asked == asked
            assert supervisor.undoer.mask("hunter2-and-more") == "*****"
        finally:
            served.released.set()
            await supervisor.close()

    with vault() as served, _lifeline() as lifeline:
        asyncio.run(crew(Supervisor(_start(tmp_path, served.url), {}, lifeline)))
