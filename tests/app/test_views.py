"""A view beside its run: what it does wrong or late is its own affair."""

from __future__ import annotations

import threading
from typing import Self

import pytest

from runner.app.views import ThreadedView
from runner.timeline.event import Event, Name
from runner.timeline.status import Status
from tests.report import made
from tests.waiting import HANG_S


class Seen:
    """A view that keeps what it is shown, is slow where asked, and breaks where asked."""

    def __init__(self, *, hold: threading.Event | None = None, breaks: bool = False) -> None:
        self.shown: list[str] = []
        self.ticks: list[float] = []
        self.closed = False
        self._hold, self._breaks = hold, breaks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.closed = True

    def event(self, event: Event) -> None:
        if self._hold:
            assert self._hold.wait(HANG_S)
        if self._breaks:
            raise ValueError("a view of the future")
        self.shown.append(str(event.fields.get("message")))

    def tick(self, status: Status) -> None:
        self.ticks.append(status.t)

    def interrupted(self, count: int) -> None:
        self.shown.append(f"interrupted {count}")


def finding(message: str) -> Event:
    return made.event(Name.FINDING, 1.0, severity="info", message=message)


def status(t: float) -> Status:
    return Status(phase="inject", elapsed_s=t, t=t)


def test_a_view_that_is_held_up_costs_the_run_nothing_and_shows_all_in_the_end() -> None:
    hold = threading.Event()
    seen = Seen(hold=hold)
    with ThreadedView(seen) as view:
        for number in range(1000):
            view.event(finding(str(number)))
            view.tick(status(number))
        view.interrupted(1)
        assert seen.shown == [], "it is held up still"
        hold.set()
    assert seen.shown == [*map(str, range(1000)), "interrupted 1"]
    assert seen.ticks[-1] == 999
    assert len(seen.ticks) < 1000, "only the latest picture counts"
    assert seen.closed


def test_a_view_that_breaks_is_closed_and_told_with_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)  # pytest would make a failure of it
    seen = Seen(breaks=True)
    with ThreadedView(seen) as view:
        view.event(finding("one"))
        view.event(finding("two"))
        view.tick(status(1))
    said = capsys.readouterr().err
    assert "ValueError: a view of the future" in said
    assert f"error: the display failed, the run did not; see: chaos-run show {finding('').run}" in said
    assert seen.closed
