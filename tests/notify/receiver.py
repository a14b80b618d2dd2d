"""A receiver of webhooks in a thread: keeps what it gets, answers as told, or hangs."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.listening import Quiet, listening
from tests.waiting import HANG_S


@dataclass
class Receiver:
    """What arrived: headers and parsed bodies."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 200 when empty."""
    free: threading.Event = field(default_factory=threading.Event)
    """While it is cleared, whoever asks hangs."""
    hangs_after: int = -1
    """After so many it hangs by itself; never when negative."""
    got: list[tuple[dict[str, str], bytes, dict[str, Any]]] = field(default_factory=list)

    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.got]


@contextlib.contextmanager
def receiver(**told: Any) -> Iterator[Receiver]:
    state = Receiver(**told)
    state.free.set()

    class Answer(Quiet):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if len(state.got) == state.hangs_after:
                state.free.clear()
            state.free.wait(HANG_S)
            state.got.append((dict(self.headers), raw, json.loads(raw)))
            with contextlib.suppress(OSError):  # whoever asked may have given up
                self.answer(b"", state.answers.pop(0) if state.answers else 200)

    with listening(Answer) as url:
        state.url = f"{url}/hook"
        try:
            yield state
        finally:
            state.free.set()
