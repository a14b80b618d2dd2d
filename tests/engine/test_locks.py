"""Locks of the fault systems around a run: taken before the first change, renewed while it lives, and what becomes of it without them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner import errors
from runner.engine.preflight import admission
from runner.engine.session import Session
from runner.faults.driver import Inspection, LockAnswer
from runner.rundir.start_message import Kept
from tests.engine.sessions import new_session
from tests.fakes.experiments import Clock

HELD, DENIED = LockAnswer(held=True), LockAnswer(held=None, error="not allowed to read leases")
TAKEN = LockAnswer(held=False, holder="another run", since="noon")


@dataclass
class Supervisor:
    """Stands for the process that asks the fault systems: the n-th answer to the n-th question; an error is raised."""

    answers: list[Any]
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    async def acquire(self, system: str, names: Sequence[str]) -> Any:
        return self._answer("acquire", names)

    async def renew(self, system: str, names: Sequence[str]) -> Any:
        return self._answer("renew", names)

    async def release(self, system: str, names: Sequence[str]) -> None:
        self._answer("release", names)

    def _answer(self, what: str, names: Sequence[str]) -> Any:
        self.asked.append((what, tuple(names)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def with_session(folder: Path, act: Callable[[Session], Awaitable[Any]]) -> Session:
    async def whole() -> Session:
        session = new_session()
        session.clock = Clock()
        try:
            await asyncio.wait_for(act(session), 30)
        finally:
            session.leave()
        return session

    return asyncio.run(whole())


def renewed(folder: Path, *answers: Any) -> tuple[Session, Supervisor]:
    supervisor = Supervisor(list(answers))
    asked: Any = supervisor
    held = {"kubernetes": ["shop/chaos-run", "cart/chaos-run"]}
    return with_session(folder, lambda session: admission._renew(session, asked, held)), supervisor


def test_a_lock_that_was_lost_stops_the_run(tmp_path: Path) -> None:
    session, supervisor = renewed(tmp_path, True, False)
    assert session.stop.done()
    stop = session.stop.result()
    assert stop.by == "runner"
    assert "lock in the cluster" in stop.sentence
    assert session.clock.slept == [admission.RENEW_S] * 2  # type: ignore[attr-defined]
    assert supervisor.asked == [("renew", ("shop/chaos-run", "cart/chaos-run"))] * 2


def test_an_api_server_that_cannot_be_asked_is_asked_again_and_stops_nothing_by_that(tmp_path: Path) -> None:
    gone = errors.EnvironmentFailure("cannot be reached")
    session, supervisor = renewed(tmp_path, gone, gone, True, False)
    assert len(supervisor.asked) == 4
    assert session.stop.done()


def test_where_nothing_is_held_nothing_is_renewed(tmp_path: Path) -> None:
    asked: Any = Supervisor([])
    session = with_session(tmp_path, lambda session: admission._renew(session, asked, {"kubernetes": []}))
    assert not session.stop.done()


def acquired(folder: Path, *answers: LockAnswer) -> tuple[list[str], Session]:
    supervisor = Supervisor([answers])
    asked: Any = supervisor
    held: list[str] = []
    names = [f"{n}/chaos-run" for n, _ in enumerate(answers)]

    async def act(session: Session) -> None:
        held.extend(await admission._acquire(session, asked, "kubernetes", names))

    return held, with_session(folder, act)


def test_what_is_free_is_held_and_where_no_lock_can_be_had_the_run_goes_on_with_a_warning(tmp_path: Path) -> None:
    held, session = acquired(tmp_path, HELD, DENIED)
    assert held == ["0/chaos-run"]
    (warning,) = session.findings
    assert (warning.severity, "not allowed to read leases" in warning.message) == ("warning", True)


def test_a_lock_of_another_run_is_a_refusal_that_names_it_and_what_was_taken_is_given_back(tmp_path: Path) -> None:
    supervisor = Supervisor([(HELD, TAKEN, HELD), None])
    asked: Any = supervisor
    names = ["a/chaos-run", "b/chaos-run", "c/chaos-run"]
    with pytest.raises(errors.Refused) as caught:
        with_session(tmp_path, lambda session: admission._acquire(session, asked, "kubernetes", names))
    assert "b/chaos-run" in caught.value.message
    assert "held by another run since noon" in caught.value.reasons
    assert supervisor.asked[1] == ("release", ("a/chaos-run", "c/chaos-run")), "all were asked for at once"


def test_what_one_system_gave_is_given_back_when_another_refuses(tmp_path: Path) -> None:
    supervisor = Supervisor([(HELD,), (TAKEN,), None, None])
    asked: Any = supervisor
    inspection = Inspection(locks={"kubernetes": ("shop/chaos-run",), "flags": ("flag/checkout",)})
    drawn: Any = SimpleNamespace(context="none", locks=("shop/chaos-run", "flag/checkout"))

    async def act(session: Session) -> None:
        block = SimpleNamespace(service="shop")
        context: Any = SimpleNamespace(
            session=session, experiment=SimpleNamespace(block=block), where=SimpleNamespace(context="", shared_name="")
        )
        targets = admission.Targets(inspection=inspection, kept=Kept(), left=())
        processes: Any = SimpleNamespace(supervisor=asked)
        with pytest.raises(errors.Refused):
            async with admission.locked(context, processes, drawn, targets, None):
                pytest.fail("it was refused")

    with_session(tmp_path, act)
    assert supervisor.asked[-1] == ("release", ("shop/chaos-run",))
