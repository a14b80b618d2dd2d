"""A receiver of webhooks in a thread: keeps what it gets, answers as told, or hangs."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.listening import Quiet, listening


@dataclass
class Receiver:
    """What arrived: headers and parsed bodies."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 200 when empty."""
    hang_s: float = 0.0
    got: list[tuple[dict[str, str], bytes, dict[str, Any]]] = field(default_factory=list)

    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.got]


@contextlib.contextmanager
def receiver(**told: Any) -> Iterator[Receiver]:
    state = Receiver(**told)

    class Answer(Quiet):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(state.hang_s)
            state.got.append((dict(self.headers), raw, json.loads(raw)))
            with contextlib.suppress(OSError):  # whoever asked may have given up
                self.answer(b"", state.answers.pop(0) if state.answers else 200)

    with listening(Answer) as url:
        state.url = f"{url}/hook"
        yield state
