"""Signals that ask a run to stop (Ctrl-C, SIGTERM, a closed terminal), heard from the first moment on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from runner import errors
from runner.engine.session import Session
from runner.process import run_processes
from runner.timeline.vocabulary import Phase, StopReason

T = TypeVar("T")


@contextmanager
def interruptions(session: Session, *, last: bool) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal ask for the stop; asking again only says that the undo goes on.

    After the `last` run of a process they do nothing: it is about to end, with the exit code of its verdict.
    Each handler takes the place of the other at once: the event loop's own would be removed before the next is set,
    and a signal between the two would end the process.
    """
    tell, count = asyncio.get_running_loop().call_soon_threadsafe, 0

    def interrupt(name: str) -> None:
        nonlocal count
        count += 1
        session.view.interrupted(count)
        said = "interrupted by Ctrl-C" if name == "SIGINT" else f"ended by {name}"
        session.hurried = said if session.phase == Phase.RECOVER else ""
        session.end_early(StopReason.PERSON, said)

    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under `nohup` a closed terminal is no reason to stop
        heard.append(signal.SIGHUP)
    before = {n: signal.signal(n, lambda n, _: tell(interrupt, signal.Signals(n).name)) for n in heard}
    try:
        yield
    finally:
        if last:
            run_processes.ignore_signals(*heard)
        else:
            for number, handler in before.items():
                signal.signal(number, handler)


async def unless_stopped(session: Session, work: Coroutine[Any, Any, T]) -> T:
    """Its result, while nothing is injected yet. Raises Interrupted as soon as somebody wants the run stopped."""
    task = asyncio.create_task(work)
    either: set[asyncio.Future[Any]] = {task, session.stop}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        raise errors.Interrupted(f"{session.stop.result().sentence}; nothing was injected")
    return await task
