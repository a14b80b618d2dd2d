"""What watches a run: the terminal or a stream of JSON lines, and around it whatever tells others."""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from runner.app import listeners
from runner.engine.options import View
from runner.timeline.event import Event

if TYPE_CHECKING:
    from runner.timeline.status import Status


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
        message = "stopping and undoing" if count == 1 else "the undo goes on: it is not interrupted by this"
        print(f"interrupted: {message}", file=sys.stderr, flush=True)


class ThreadedView:
    """A view in a thread of its own: one that blocks (a paused terminal, a full pipe) or breaks does not hold up the run.

    Events are shown in their order, however late; of ticks only the latest.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._asked: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._latest: Status | None = None
        self._run = ""
        self._whole = False
        self._thread = threading.Thread(target=self._show, name="view", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        """Wait until all of it is shown: by now the run itself is over."""
        self._asked.put(None)
        self._thread.join()
        if not self._whole:  # its traceback has been printed
            print(
                f"error: the display failed, the run did not; see: chaos-run show {self._run}",
                file=sys.stderr,
                flush=True,
            )

    def event(self, event: Event) -> None:
        """Something happened."""
        self._run = event.run
        self._asked.put(lambda: self._view.event(event))

    def tick(self, status: Status) -> None:
        """How things stand."""
        waiting, self._latest = self._latest is not None, status
        if not waiting:
            self._asked.put(self._tick)

    def interrupted(self, count: int) -> None:
        """Ctrl-C."""
        self._asked.put(lambda: self._view.interrupted(count))

    def _tick(self) -> None:
        status, self._latest = self._latest, None
        if status is not None:
            self._view.tick(status)

    def _show(self) -> None:
        with self._view:
            while (ask := self._asked.get()) is not None:
                ask()
        self._whole = True


def choose(*, as_json: bool, plain: bool) -> View:
    """The view for these options; where a team has configured them, its channels and dashboards are told too.

    Raises UsageError, InvalidFile for a bad file of channels and for telemetry that cannot be.
    """
    view: View = ThreadedView(JsonLines() if as_json else _live(plain))
    if not listeners.are_configured():
        return view
    from runner.app.announce import AnnouncingView, read_channels
    from runner.rundir import paths

    channels = read_channels()
    if channels.annotations:
        from runner.app.annotate import AnnotatingView, dashboards

        view = AnnotatingView(view, dashboards(channels))
    return AnnouncingView(view, channels, paths.runs_dir())


def _live(plain: bool) -> View:
    from runner.report.terminal import TerminalView

    return TerminalView(plain=plain)
