"""What a stop ends: the fault, if it comes before the way back has begun; afterwards what was seen stays as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from runner.engine.conclude import build_record
from runner.engine.session import Session
from runner.timeline.vocabulary import MarkName, StopReason
from tests.engine.sessions import new_session


def _after(*steps: Callable[[Session], object]) -> Session:
    async def play() -> Session:
        session = new_session()
        try:
            for step in steps:
                step(session)
        finally:
            session.leave()
        return session

    return asyncio.run(play())


def _stop(session: Session) -> None:
    session.end_early(StopReason.PERSON, "interrupted by Ctrl-C")


def _undo(session: Session) -> None:
    session.mark(MarkName.UNDO_STARTED)


def _over(session: Session) -> None:
    session.recovery_over = True


@pytest.mark.parametrize(
    ("steps", "cut"), [((_undo,), False), ((_stop, _undo), True), ((_undo, _stop), False), ((_stop,), True)]
)
def test_only_a_stop_that_comes_before_the_undo_ends_the_fault(
    steps: tuple[Callable[[Session], None], ...], cut: bool
) -> None:
    assert build_record.cut_short(_after(*steps)) == cut


def test_a_person_who_comes_when_the_recovery_was_seen_stops_only_the_waiting() -> None:
    session = _after(_undo, _over, _stop)
    assert not session.stop.done()
    assert session.hurried == "interrupted by Ctrl-C"


def test_what_breaks_then_or_was_stopped_before_still_counts() -> None:
    broke = _after(_over, lambda s: s.end_early(StopReason.RUNNER, "the lock was taken over"))
    assert broke.stop.result().by == StopReason.RUNNER
    assert _after(_stop, _over, _stop).stop.result().sentence == "interrupted by Ctrl-C"
