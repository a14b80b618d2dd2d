"""Live: the terminal's view of a run: one calm picture on a terminal, one line an event anywhere else."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Self

from runner.report.plain import PlainView
from runner.report.scene import Scene
from runner.timeline.event import Event, Name

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live as RichLive

    from runner.timeline.status import Status

REFRESH_S = 0.2
"""A picture at most this often: faster flickers over slow connections and tells nothing more."""
FIRST = "stopping and undoing what was changed … (please wait: the undo is not interrupted)"
SECOND = "the undo continues by itself; watch it from another terminal with `chaos-run show {run}`"

BEFORE = "stopping; nothing has been injected"
LAST = "the undo is done; skipping the wait for the recovery"


class TerminalView:
    """Told of every event and tick by the engine; `console` is for tests, the rest is chosen here."""

    def __init__(self, *, plain: bool = False, console: Console | None = None) -> None:
        self.scene = Scene()
        self._plain: PlainView | None = (
            PlainView(self.scene) if plain or (console is None and not _can_draw()) else None
        )
        self._console = console
        self._live: RichLive | None = None
        self._drawn = 0.0
        self._echoed = False

    def __enter__(self) -> Self:
        if self._plain is None:
            self._open()
        else:
            self._plain.begin()
        return self

    def __exit__(self, *details: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            _echo_control(self._echoed)
        if self._plain is None and self._console is not None:
            self._end(self._console)
        elif self._plain is not None:
            self._plain.end()

    def event(self, event: Event) -> None:
        """Something happened."""
        self.scene.hear(event)
        if self._plain is not None:
            self._plain.event(event)
        else:
            self._draw(at_once=event.event is not Name.ACTIVITY)

    def tick(self, status: Status) -> None:
        """How things stand."""
        self.scene.status = status
        if self._plain is not None:
            self._plain.tick(status)
        else:
            self._draw()

    def interrupted(self, count: int) -> None:
        """The person pressed Ctrl-C for the count-th time: say that the way back goes on."""
        put_back = self.scene.phase in ("recover", "judge")
        self.scene.interrupted = (
            LAST
            if put_back
            else BEFORE
            if self.scene.phase == "notice"
            else FIRST
            if count == 1
            else SECOND.format(run=self.scene.run or "RUN")
        )
        if self._plain is not None:
            self._plain.say(self.scene.status.t if self.scene.status else 0.0, self.scene.interrupted, "warn")
        else:
            self._draw(at_once=True)

    def _open(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._console = self._console or Console(highlight=False, file=getattr(sys.stdout, "drawing", None))
        self._live = RichLive(console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop")
        self._echoed = _echo_control(False)
        self._live.start()
        self._draw(at_once=True)

    def _draw(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if self._live is None or self._console is None or not (at_once or now - self._drawn >= REFRESH_S):
            return
        from runner.report import screen

        self._drawn = now
        height = self._console.size.height if self._console.is_terminal else None
        self._live.update(screen.picture(self.scene, self._console.width, height), refresh=True)

    def _end(self, console: Console) -> None:
        from runner.report import ending

        console.print(ending.picture(self.scene, console.width))


def _echo_control(wanted: bool) -> bool:
    """Whether the terminal writes `^C` where the cursor stands, which would shift the picture; returns what it was."""
    import termios

    try:
        state = termios.tcgetattr(sys.stdin)
        before = bool(state[3] & termios.ECHOCTL)
        state[3] = state[3] | termios.ECHOCTL if wanted else state[3] & ~termios.ECHOCTL
        termios.tcsetattr(sys.stdin, termios.TCSANOW, state)
    except (termios.error, ValueError, OSError):  # no terminal to read from
        return False
    return before


def _can_draw() -> bool:
    """A terminal that can move its cursor and whose user has not asked for plain text."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
