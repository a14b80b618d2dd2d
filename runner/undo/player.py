"""The one way back: end what the method left running, then play the undo ledger, last in first out, past every failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from runner.chaostoolkit import secrets
from runner.faults import registry
from runner.process import run_processes
from runner.process.isolated import Forked
from runner.process.messages import UndoProgress
from runner.rundir import processes
from runner.rundir.ledger import Ledger, UndoRecord
from runner.rundir.start_message import StartMessage
from runner.timeline.vocabulary import CLOSING, UndoState
from runner.undo import steps

Tell = Callable[[UndoProgress], None]
"""To the parent, or to the events file when there is no parent any more."""

ATTEMPTS = 3
PAUSE_S = 1.0
"""Between two attempts at the same step: API servers hiccup most when something has just been broken."""


def play(
    folder: Path, start: StartMessage, tell: Tell, spare: int | None = None, strays: Iterable[tuple[int, float]] = ()
) -> bool:
    """Play everything outstanding. True when nothing is left open. Safe to call again, and from several processes.

    `spare` is a process of the method that acts no more and lives on, by its id; `strays` are processes that the method started, by id
    with their time of birth, as far as the parent has seen them.
    """
    ledger = Ledger(folder)
    ending = UndoProgress(step=0, what="end the processes of the method", state=UndoState.STARTED)
    tell(ending)
    with ledger.playing():
        began = time.monotonic()
        ended = run_processes.end(start.run, "worker", strays, spare=spare)
        state = UndoState.UNDONE if ended else UndoState.ALREADY
        tell(UndoProgress(step=0, what=ending.what, state=state, seconds=time.monotonic() - began))
        gone = _settle_faults(ledger, tell) if _world_is_gone(start) else 0
        return _steps(ledger, gone + 1, start, tell)


def _world_is_gone(start: StartMessage) -> bool:
    """A playground that has ended took its pods, nodes and faults with it."""
    target = start.playground
    return target is not None and not processes.is_alive(target.pid, target.created)


def _settle_faults(ledger: Ledger, tell: Tell) -> int:
    """How many went with it; a silence is not part of it."""
    settled = ledger.settle_all(UndoState.ALREADY, but=lambda record: registry.outlives_target(record.kind))
    for number, record in enumerate(settled, 1):
        tell(UndoProgress(step=number, what=record.what, state=UndoState.ALREADY, error="the playground is gone"))
    return len(settled)


def _steps(ledger: Ledger, first: int, start: StartMessage, tell: Tell) -> bool:
    """Every open record. What is asked of a server that has just failed us gets one hurried try: the next run may do better."""
    failed: set[tuple[Any, ...]] = set()
    clean = True
    for number, record in enumerate(ledger.outstanding(), first):
        driver = registry.playing(record.kind)
        server = driver.server(record) if driver else ()
        if not _step(ledger, number, record, start, tell, hurried=server in failed):
            clean = False
            failed |= {server} if server else set()
    return clean


def _step(ledger: Ledger, number: int, record: UndoRecord, start: StartMessage, tell: Tell, *, hurried: bool) -> bool:
    tell(UndoProgress(step=number, what=record.what, state=UndoState.STARTED))
    began = time.monotonic()
    outcome = _attempt(record, start, hurried=hurried)
    for _ in range(0 if hurried else ATTEMPTS - 1):
        if outcome["state"] in CLOSING:
            break
        time.sleep(PAUSE_S)
        outcome = _attempt(record, start, hurried=hurried)
    seconds = round(time.monotonic() - began, 4)
    ledger.settle(record.number, **outcome, seconds=seconds)
    tell(UndoProgress(step=number, what=record.what, **outcome, seconds=seconds))
    return outcome["state"] in CLOSING


def _attempt(record: UndoRecord, start: StartMessage, *, hurried: bool) -> steps.Outcome:
    answer = Forked(
        lambda: steps.play(record, start, hurried=hurried), steps.deadline(record, start), secrets.known
    ).wait()
    outcome: steps.Outcome = answer.get("value") or {"state": UndoState.FAILED, "error": answer.get("error")}
    return dict(secrets.mask(start.hide or ())(outcome))  # it goes into files
