"""The end of a recovery: what is said where not all of it was measured."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from runner.engine.conclude import recovery
from runner.engine.observe.guard_loop import Watch
from runner.engine.session import Session
from runner.slo.objective import Objective
from runner.slo.recovery import Recovered
from runner.timeline.vocabulary import MarkName, Phase
from tests.engine.sessions import new_session
from tests.fakes.experiments import Clock
from tests.slo.traffic import GOOD, REFUSED, Traffic, at, since


@pytest.fixture
def session() -> Iterator[Session]:
    async def begun() -> Session:
        return new_session()

    one = asyncio.run(begun())
    yield one
    one.leave()


def ended(session: Session, found: Recovered | None, unwatched: tuple[int, int] | None = None) -> None:
    watch = SimpleNamespace(look_at_the_end=lambda: found, recovered=found, unwatched=unwatched, pauses=())
    observers: Any = SimpleNamespace(watch=watch, objectives=("availability",))
    recovery.at_the_end(session, observers)


def after(session: Session, seconds: float) -> int:
    return session.started_ns + round(seconds * 1e9)


def test_a_recovery_that_was_told_and_not_watched_to_the_end_is_taken_back_and_not_called_another_outage(
    session: Session,
) -> None:
    session.mark(MarkName.RECOVERED, mono_ns=after(session, 3))
    ended(session, None, (after(session, 3), after(session, 6)))
    (mark,) = session.marks
    assert (mark.name, mark.mono_ns) == (MarkName.UNWATCHED, after(session, 3))
    assert [f.message for f in session.findings] == [
        "too little was measured from 6s on: whether and when the service recovered is unknown"
    ]


@pytest.mark.parametrize(("felt", "broken"), [(True, True), (True, False), (False, True)])
def test_a_recovery_somewhere_in_time_that_was_not_measured_says_between_what(
    session: Session, felt: bool, broken: bool
) -> None:
    if felt:
        session.mark(MarkName.EFFECTIVE, mono_ns=after(session, 1))
    session.mark(MarkName.RECOVERED, mono_ns=after(session, 3))
    ended(session, Recovered(after(session, 6), 3.5, broken, 6.0))
    mark = session.marks[-1]
    assert (mark.mono_ns, mark.error_s, mark.unmeasured_s) == (after(session, 6), 3.5, 6.0)
    said = "the service recovered at some time from 3s to 9s: not all of that was measured"
    assert [f.message for f in session.findings] == ([said] if felt and broken else []), (
        "of what nobody felt nothing recovered"
    )


def test_users_who_were_hurt_to_the_end_are_no_matter_of_measurement(session: Session) -> None:
    ended(session, None)
    assert session.marks == []
    assert session.findings == []


def test_what_is_not_measured_after_the_last_request_takes_no_recovery_back(session: Session) -> None:
    """The prober waits for what is in flight, and sources are asked once more: seconds, in which nothing is sent."""
    session.clock = clock = Clock()
    clock.ns = at(10)
    session.enter(Phase.RECOVER)
    windows = SimpleNamespace(stable=1.0)
    experiment: Any = SimpleNamespace(
        block=SimpleNamespace(abort=(), traffic=(), checks=(), windows=windows), metrics=()
    )
    sent = Traffic(50, 40, lambda t, i: REFUSED if 10 <= t < 13 else GOOD)
    told: Any = SimpleNamespace(until_ns=0)
    objective = Objective("availability", "storefront", "availability", 0.99)
    progress: Any = None
    watch = Watch(session, experiment, told, {"storefront": sent.series}, [objective], progress)
    watch.expect_recovery()
    assert list(sent.ticks())
    clock.ns, told.until_ns = at(60), at(40)
    found = watch.look_at_the_end()
    assert found is not None
    assert since(found.at_ns) == 13
    assert watch.unwatched is None
