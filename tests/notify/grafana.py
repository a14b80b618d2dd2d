"""A Grafana as far as annotations go: POST, PATCH, and GET by tags, for whoever has the token."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.listening import Quiet, listening

TOKEN = "glsa_of-the-team"


@dataclass
class Drawn:
    """What is on it."""

    url: str = ""
    hang_s: float = 0.0
    lost: bool = False
    """A POST arrives, its answer does not."""
    refuses: str = ""
    """A run that nobody may ask for."""
    annotations: list[dict[str, Any]] = field(default_factory=list)


@contextlib.contextmanager
def grafana(**given: Any) -> Iterator[Drawn]:
    there = Drawn(**given)

    class Handler(Quiet):
        def handle_one(self) -> None:
            time.sleep(there.hang_s)
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self.answer(b"{}", 401)
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")
            answer: Any = {}
            if self.command == "POST":
                there.annotations.append({"id": len(there.annotations) + 1, **given})
                if there.lost:
                    return self.connection.close()
            elif self.command == "PATCH":
                there.annotations[int(self.path.rsplit("/", 1)[1]) - 1] |= given
            else:
                wanted = set(parse_qs(urlsplit(self.path).query)["tags"])
                if there.refuses in wanted:
                    return self.answer(b"{}", 403)
                answer = [a for a in there.annotations if wanted <= set(a["tags"])]
            with contextlib.suppress(OSError):
                self.answer(json.dumps(answer).encode())
            return None

        do_GET = do_POST = do_PATCH = handle_one

    with listening(Handler) as there.url:
        yield there
