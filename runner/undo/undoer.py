"""The undoer: on standby from the start with everything imported, it looks at the world for the parent and undoes on command,
or on its own when the parent has died.

It is single-threaded; each look is a forked call with a deadline, so that nothing can keep it from undoing.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner import codec
from runner.chaostoolkit import secrets, setup, values
from runner.faults.driver import FaultTarget
from runner.process import messages, run_processes
from runner.process.channel import ChildChannel, take_stdin
from runner.process.isolated import Forked
from runner.process.messages import UndoerMessage, UndoerOrder
from runner.rundir import start_message
from runner.rundir.start_message import Kept, StartMessage
from runner.undo import crash_recovery, inspection, player
from runner.undo.inspection import World


class Orders:
    """Commands from the parent, without blocking; `ended` once the parent has gone."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.ended = False
        self.early: list[UndoerOrder] = []
        """What came in one piece with the start message: the `bye` of a parent that needs us no more."""
        self._buffer = b""

    def take(self) -> list[UndoerOrder]:
        """The orders that have arrived."""
        return [messages.UNDOER.orders.decode(line, "order") for line in self._lines()]

    def _lines(self) -> list[dict[str, Any]]:
        piece = os.read(self.descriptor, 1 << 20)
        self.ended = not piece
        *lines, self._buffer = (self._buffer + piece).split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]

    def first(self) -> StartMessage:
        """Wait for the start message."""
        while not self.ended:
            if found := self._lines():
                start, *early = found
                self.early = [messages.UNDOER.orders.decode(line, "order") for line in early]
                return codec.decode(StartMessage, start, "start")
        sys.exit(0)


class Undoer:
    """Its two duties: `call` (look) and `undo`."""

    def __init__(self, start: StartMessage, voice: ChildChannel[UndoerMessage]) -> None:
        self._start = start
        self._voice = voice
        self._folder = Path(start.folder)
        self._calls: dict[int, Forked] = {}

    def serve(self, orders: Orders) -> None:
        """Until the parent says `bye`, or is gone."""
        given = orders.early
        while True:
            for order in given:
                if isinstance(order, messages.Bye):
                    self._drop_calls()
                    return
                self._obey(order)
            if orders.ended:
                self._drop_calls()
                self._alone()
                return
            waiting: list[int | Forked] = [orders.descriptor, *self._calls.values()]
            ready, _, _ = select.select(waiting, [], [], self._patience())
            self._answer()
            given = orders.take() if orders.descriptor in ready else []

    def _alone(self) -> None:
        """The parent is gone, and with it the reader of what we print: a rollback that prints would die of the broken pipe."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        crash_recovery.finish(self._folder, start_message.with_learnt(self._start))

    def _obey(self, order: messages.Know | messages.Look | messages.Undo) -> None:
        match order:
            case messages.Undo(spare=spare, strays=strays):
                self._drop_calls()  # their answers do not matter any more, and undoing must not wait for them
                clean = player.play(self._folder, self._start, self._voice.say, spare, strays)
                self._voice.say(messages.UndoDone(clean=clean))
            case messages.Know(configuration=configuration):
                self._start = replace(self._start, configuration=configuration)
            case messages.Look(arguments=arguments):
                look = _looks(self._start)[order.what]
                self._calls[order.id] = Forked(lambda: look(**arguments), order.deadline_s, secrets.known)

    def _answer(self) -> None:
        for number, call in list(self._calls.items()):
            if (answer := call.step()) is not None:
                del self._calls[number]
                self._voice.say(messages.Answer(id=number, **answer))

    def _patience(self) -> float | None:
        ends = [call.ends for call in self._calls.values()]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _drop_calls(self) -> None:
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()


def _looks(start: StartMessage) -> dict[str, Callable[..., Any]]:
    """What the parent may ask for; each runs in a forked child, and answers what JSON can hold."""
    return {
        "inspect": lambda: codec.encode(World(start).inspect()),
        "confirm": lambda actions: _confirmed(start, actions),
        "services": lambda targets: World(start).services(targets),
        "residue": lambda system, snapshot, kept: codec.encode(
            World(start).residue(system, snapshot, codec.decode(Kept, kept))
        ),
        "hypothesis": lambda: World(start).hypothesis(),
        "acquire": lambda system, names: codec.encode(inspection.lock(start, "acquire", system, names)),
        "renew": lambda system, names: inspection.lock(start, "renew", system, names),
        "release": lambda system, names: inspection.lock(start, "release", system, names),
        "readable": lambda kind, asked: inspection.readable(start, kind, asked),
        "make": lambda kind, args, seconds, why: inspection.make(start, kind, args, seconds, why),
    }


def _confirmed(start: StartMessage, actions: list[Mapping[str, Any]]) -> dict[str, Any]:
    found = World(start).confirm([codec.decode(FaultTarget, action) for action in actions])
    return {name: codec.encode(evidence) for name, evidence in found.items()}


def _with_secrets(start: StartMessage) -> tuple[StartMessage, str]:
    """The start message with what is known of secrets from now on, and why a vault does not tell.

    Who replaces another knows what to mask, and reads the rest when a step needs it: a fault may be in place.
    """
    if start.hide is not None:
        return start, ""
    try:
        found = values.of(start).secrets
    except secrets.troubles() as problem:
        return replace(start, hide=()), f"the experiment's secrets cannot be read: {type(problem).__name__}: {problem}"
    return replace(start, hide=tuple(secrets.values(found)), known_secrets=found), ""


def main() -> None:
    """Start message, imports, `ready`, then serve. No signal but SIGKILL may keep it from undoing."""
    run_processes.ignore_signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    setup.set_up(Path.cwd())
    voice, orders = ChildChannel.take_stdout(messages.UNDOER.messages), Orders(take_stdin())
    start = orders.first()
    absent = setup.load((*start.modules, *start.undoes_with))
    start, trouble = _with_secrets(start)
    # Through the pipe only: the parent masks what we print. Nobody hears the trouble of one that replaces another: it plays what it can.
    voice.say(messages.Ready(hide=start.hide or (), trouble="; ".join(filter(None, [*absent, trouble]))))
    voice.mask = secrets.mask(start.hide or ())
    Undoer(start, voice).serve(orders)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the run waits for our end, and there is nothing left to tidy up


if __name__ == "__main__":
    main()
