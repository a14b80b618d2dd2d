"""Processes that outlive what started them are found, whatever they did to hide."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runner.process import ports, run_processes
from tests.waiting import text_of, until

SERVER = "; ".join(("import socket, time", "s = socket.socket()", "s.bind(('127.0.0.1', 0))", "s.listen()",
                    "print(s.getsockname()[1], flush=True)", "time.sleep(1000)"))  # fmt: skip


@pytest.fixture
def server() -> Iterator[tuple[psutil.Process, int]]:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield psutil.Process(process.pid), int(process.stdout.readline())
        process.kill()


def test_what_still_runs_is_told_with_where_it_listens(server: tuple[psutil.Process, int]) -> None:
    process, port = server
    found = [(process.pid, process.create_time())]
    (said,) = run_processes.told(found)
    assert said.startswith(f"process {process.pid} (")
    assert said.endswith(f" still runs and listens on 127.0.0.1:{port}")
    assert list(run_processes.told([(process.pid, process.create_time() - 100)])) == [], "another one with its id"


def test_what_is_named_ends_with_what_is_marked(server: tuple[psutil.Process, int]) -> None:
    process, port = server
    assert run_processes.end("no-such-run", "worker", [(process.pid, process.create_time())]) == 1
    assert list(run_processes.told([(process.pid, process.create_time())])) == []
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))


ADOPTER = """
import os, subprocess, sys, time
from runner.process import ports, run_processes
run_processes.adopt_orphans()
ours = subprocess.Popen(["sleep", "60"])
marked = subprocess.Popen(["sleep", "60"], start_new_session=True, env=os.environ | run_processes.mark("r", "undoer"))
known = subprocess.Popen(["sleep", "60"], start_new_session=True)
children = run_processes.children()
worker = subprocess.Popen(["sh", "-c", "env -i setsid sleep 61 >/dev/null 2>&1 & exit 0"], start_new_session=True)
worker.wait()
until = time.monotonic() + 30
while not (found := [pid for pid in run_processes.strays(children, worker.pid)]) and time.monotonic() < until:
    time.sleep(0.02)
print(*found, flush=True)
for child in (ours, marked, known): child.kill()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_an_orphan_that_took_its_mark_off_and_left_its_session_is_found_and_no_other() -> None:
    done = subprocess.run([sys.executable, "-c", ADOPTER], capture_output=True, text=True, timeout=60, check=True)
    (pid,) = map(int, done.stdout.split())
    process = psutil.Process(pid)
    try:
        until(lambda: process.cmdline() == ["sleep", "61"], "the shell's command has become that")
    finally:
        process.kill()
        until(lambda: _reaped(pid), "it is gone")


def _reaped(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return not psutil.pid_exists(pid)


def test_a_port_that_somebody_listens_on_since_is_told_and_not_blamed(server: tuple[psutil.Process, int]) -> None:
    """Started by way of somebody else, a container for one, it is nobody's child of ours."""
    _, port = server
    older = ports.now()
    began = ports.process_clock() - 0.02  # the kernel counts in hundredths of a second
    command = f'{sys.executable} -c "{SERVER}" >{{}} 2>&1 & echo $!'
    with tempfile.NamedTemporaryFile("r") as said:
        done = subprocess.run(["sh", "-c", command.format(said.name)], capture_output=True, text=True, check=True)
        pid = int(done.stdout)
        try:
            text = text_of(Path(said.name))
            found = ports.new(older, began)
        finally:
            os.kill(pid, signal.SIGKILL)
    (told,) = [f for f in found if f.startswith(f"127.0.0.1:{text.strip()} ")]
    assert told.endswith("since the run began, by it or by others")
    assert not [f for f in found if f":{port} " in f]
