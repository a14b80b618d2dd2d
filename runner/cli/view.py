"""Who watches a run from the command line: the terminal, or a stream of JSON lines."""

from __future__ import annotations

import json
import sys
from typing import Self

from runner.engine.options import View
from runner.report.status import Status
from runner.timeline.event import Event


class JsonLines:
    """One event an object a line on stdout; nothing else goes there."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        sys.stdout.flush()

    def event(self, event: Event) -> None:
        print(json.dumps(event.to_json()), flush=True)

    def tick(self, status: Status) -> None:
        """Only events are streamed."""

    def interrupted(self, count: int) -> None:
        said = "stopping and undoing" if count == 1 else "the undo goes on: it is not interrupted by this"
        print(f"interrupted: {said}", file=sys.stderr, flush=True)


def choose(*, as_json: bool, plain: bool) -> View:
    """The view for these options."""
    if as_json:
        return JsonLines()
    from runner.report.terminal import Live

    return Live(plain=plain)
