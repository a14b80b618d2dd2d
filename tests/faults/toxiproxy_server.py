"""A real toxiproxy-server for tests, on a port of its own, and a front before it that can refuse to answer."""

from __future__ import annotations

import contextlib
import json
import lzma
import os
import random
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.faults.conformance import Trouble
from tests.fakes.listening import Quiet, listening
from tests.ports import free_port
from tests.waiting import HANG_S, until

PACKED = Path(__file__).parents[3] / "shared" / "systems" / "bin" / "toxiproxy-server.xz"
UNPACKED = "/var/lib/chaos-run-systems/bin"
"""Where `../shared/systems/systems up toxiproxy` puts it, 2.12.0."""
PORTS = range(20000, 30000)
"""Below those that Linux gives to connections."""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its URL; skips where there is none to be had."""
    program = _program(folder)
    port = free_port()
    process = subprocess.Popen(
        [program, "-host", "127.0.0.1", "-port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(url), "toxiproxy answers")
        yield url
    finally:
        process.kill()
        process.wait()


def ask(url: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Toxiproxy's API, without the client that is tested."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url + path, data=data, method=method, headers={"User-Agent": "test"})
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as problem:
        return problem.code, None


def make_proxy(url: str, name: str, upstream: str) -> str:
    """The address on which it listens; its port is none that the machine gives to others while the proxy is disabled."""
    for port in random.sample(PORTS, 100):
        listen = f"127.0.0.1:{port}"
        status, made = ask(url, "POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream})
        if status == 201:
            return listen
    raise AssertionError(made)


class Front:
    """Passes everything on to Toxiproxy, notes what was asked, and answers with a trouble while there is one."""

    def __init__(self, behind: str) -> None:
        self.behind, self.url = behind, ""
        self.trouble: Trouble | None = None
        self.says_disabled = False
        """Whether every proxy is said to be disabled, whatever it is."""
        self.swallows, self.swallowed, self.over = False, threading.Event(), threading.Event()
        """Whether a toxic is made and nobody hears of it; that it has happened; until when."""
        self.asked: list[tuple[str, str]] = []
        self.agents: set[str] = set()

    @contextlib.contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[None]:
        self.trouble = trouble
        try:
            yield
        finally:
            self.trouble = None


@contextlib.contextmanager
def front(behind: str) -> Iterator[Front]:
    made = Front(behind)

    class Handler(Quiet):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            made.asked.append((self.command, self.path))
            made.agents.add(str(self.headers["User-Agent"]))
            if made.trouble is Trouble.SILENT:
                time.sleep(3.0)  # longer than a hurried request waits
                return
            if made.trouble:
                self.answer(b"trouble", int(made.trouble.value))
                return
            asked = urllib.request.Request(made.behind + self.path, data=body, method=self.command)
            try:
                with urllib.request.urlopen(asked, timeout=5) as answer:
                    found = answer.read()
                    if made.swallows and self.command == "POST":
                        made.swallowed.set()
                        made.over.wait(HANG_S)
                    if made.says_disabled:
                        found = found.replace(b'"enabled":true', b'"enabled":false')
                    self.answer(found, answer.status)
            except urllib.error.HTTPError as problem:
                self.answer(problem.read(), problem.code)

        do_POST = do_PATCH = do_DELETE = do_GET

    with listening(Handler) as url:
        made.url = url
        try:
            yield made
        finally:
            made.over.set()


def _program(folder: Path) -> str:
    if found := shutil.which("toxiproxy-server", path=f"{os.environ['PATH']}:{UNPACKED}"):
        return found
    if not PACKED.is_file():
        pytest.skip(f"no toxiproxy-server here: neither on the PATH nor in {PACKED.parent}")
    program = folder / "toxiproxy-server"
    program.write_bytes(lzma.decompress(PACKED.read_bytes()))
    program.chmod(0o755)
    return str(program)


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError):
        return ask(url, "GET", "/version")[0] == 200
    return False
