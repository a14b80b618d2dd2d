"""Who watches a run from the command line: the terminal, or a stream of JSON lines."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from runner.engine.options import Notice, View
from runner.timeline.event import Event

if TYPE_CHECKING:
    from runner.timeline.status import Status

NOTIFY = "CHAOS_RUN_NOTIFY"
TELEMETRY = ("CHAOS_RUN_TEXTFILE", "CHAOS_RUN_PUSHGATEWAY", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""As in runner/experiment/channels.py, which is dear to import and seldom needed."""


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


class Beside:
    """A view in a thread of its own: one that is held up (a paused terminal, a pipe that nobody reads) or breaks holds up no run.

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
    """The view for these options, and for whoever else is to be told.

    Raises UsageError, InvalidFile for a bad file of channels and for telemetry that cannot be.
    """
    view: View = Beside(JsonLines() if as_json else _live(plain))
    if not told():
        return view
    from runner.app.announce import Announcing, channels
    from runner.rundir import paths

    given = channels()
    if given.annotations:
        from runner.app.annotate import Annotating, of_team

        view = Annotating(view, of_team(given))
    return Announcing(view, given, paths.runs_dir())


def notice(view: View, asked: str | None) -> Notice | None:
    """How long before the run others are told of it: as asked for, else as the team's file says; None where nobody is.

    Raises UsageError for what is no duration, and where nobody would hear it.
    """
    before_s = notice_s(asked)
    if before_s is None:
        before_s = getattr(view, "notice_before", None)
    if not before_s:
        return None
    from runner.app.announce import Announcing, nobody

    if not isinstance(view, Announcing):
        raise nobody()
    return view.notice(before_s)


def notice_s(asked: str | None) -> float | None:
    """`--notice-before` in seconds; None where it was not given. Raises UsageError."""
    from runner import errors, units

    try:
        return None if asked is None else units.parse_duration(asked)
    except ValueError as problem:
        raise errors.UsageError(f"--notice-before: {problem}") from None


def afterwards() -> tuple[str, ...]:
    """What a survivor of the run is to call when it has undone, so that it is on record and others hear of it."""
    file = file_of_channels()
    return (sys.executable, "-P", "-m", "runner.app.orphan_notice", str(Path(file).absolute()) if file else "")


def told() -> bool:
    """Whether anybody or anything else is to be told of runs; reads no file, so that a run of nobody's business pays nothing."""
    return bool(file_of_channels() or any(os.environ.get(name) for name in TELEMETRY))


def file_of_channels() -> str | None:
    """The team's file of channels: CHAOS_RUN_NOTIFY, else `notify.yaml` in our configuration folder where there is one."""
    if given := os.environ.get(NOTIFY):
        return given
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    usual = Path(home).expanduser() / "chaos-run" / "notify.yaml"
    return str(usual) if usual.is_file() else None


def _live(plain: bool) -> View:
    from runner.report.terminal import Live

    return Live(plain=plain)
