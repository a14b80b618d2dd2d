"""A process that cannot outlive us: its standard input is a pipe we hold, and the kernel kills it when we die."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _die_with(parent: int) -> Callable[[], None]:
    """In the child, before exec: SIGKILL when the thread that forked us ends. So `Child` is made in the main thread."""

    def before_exec() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


class PlaygroundChild:
    """A Python file run without site packages; `on_line` hears each line it prints, `on_end` its exit code (negative: signal)."""

    def __init__(
        self, script: Path, arguments: Sequence[str], on_line: Callable[[str], None], on_end: Callable[[int], None]
    ) -> None:
        self._on_line, self._on_end, self._held = on_line, on_end, b""
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        asyncio.get_running_loop().add_reader(self.process.stdout.fileno(), self._read)

    @property
    def pid(self) -> int:
        return self.process.pid

    def write(self, line: str) -> None:
        """One line to its standard input; a child that is gone is heard of by `on_end`."""
        assert self.process.stdin is not None
        try:
            os.write(self.process.stdin.fileno(), line.encode() + b"\n")
        except (BrokenPipeError, ValueError):
            return

    def signal(self, number: int) -> None:
        """Send a signal; nothing if it has ended."""
        if self.process.returncode is None:
            self.process.send_signal(number)

    def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            data = os.read(self.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            self._on_line(line.decode("utf-8", "replace"))
        if not data:
            self._ended()

    def _ended(self) -> None:
        """Its output is closed: all its descriptors are, so it is dying or dead."""
        assert self.process.stdout is not None
        assert self.process.stdin is not None
        asyncio.get_running_loop().remove_reader(self.process.stdout.fileno())
        code = self.process.wait()
        self.process.stdout.close()
        self.process.stdin.close()
        self._on_end(code)
