"""One call in a forked child with a deadline: it may hang, crash or exit, and this process goes on.

The child inherits every imported module, so it costs milliseconds; the answer comes back as JSON through a pipe.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any

from runner import error_text
from runner.process.channel import plain

Answer = dict[str, Any]
"""`{"value": …}` or `{"error": sentence}`."""


class Forked:
    """A running call."""

    def __init__(
        self, function: Callable[[], Any], deadline_s: float, mask: Callable[[Any], Any] = lambda value: value
    ) -> None:
        """`mask` is applied in the child, to what the call gives or raises: it may know what only the call has learnt."""
        self.ends = time.monotonic() + deadline_s
        self._deadline_s = deadline_s
        self._pieces: list[bytes] = []
        self._pipe, write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            # Killed while it waits, the caller cannot end the call any more; and the call holds what the caller held, a ledger too.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, deadline_s + 1)
            _child(function, write, mask)
        os.close(write)

    def fileno(self) -> int:
        return self._pipe

    def step(self) -> Answer | None:
        """Take what there is; the answer when it is whole, or when the deadline has passed."""
        ready, _, _ = select.select([self._pipe], [], [], 0)
        if ready:
            piece = os.read(self._pipe, 1 << 20)
            self._pieces.append(piece)
            if not piece:
                return self._finish()
        if time.monotonic() >= self.ends:
            self.cancel()
            return {"error": f"no answer within {self._deadline_s:g} s"}
        return None

    def wait(self) -> Answer:
        """Block until the answer or the deadline."""
        while (answer := self.step()) is None:
            select.select([self._pipe], [], [], max(0.0, self.ends - time.monotonic()))
        return answer

    def cancel(self) -> None:
        """Kill the call."""
        os.kill(self._pid, signal.SIGKILL)
        self._reap()

    def _finish(self) -> Answer:
        code = self._reap()
        try:
            answer: Answer = json.loads(b"".join(self._pieces))
        except ValueError:
            return {"error": f"it ended without an answer ({_how(code)})"}
        return answer

    def _reap(self) -> int:
        os.close(self._pipe)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _child(function: Callable[[], Any], write: int, mask: Callable[[Any], Any]) -> None:
    """Never returns. Whatever the call raises, SystemExit included, is its answer."""
    try:
        answer: Answer = {"value": function()}
    except BaseException as problem:  # noqa: BLE001 - third-party code runs here: anything it raises must become an answer
        answer = {"error": error_text.sentence(problem)}
    try:
        with os.fdopen(write, "wb") as pipe:
            pipe.write(json.dumps({k: mask(plain(v)) for k, v in answer.items()}).encode())
    finally:
        os._exit(0)
