"""Which module does which kind of disturbance; and the life of one: applied behind the process that ends it, taken away, looked for."""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib import import_module
from typing import cast

from runner import clock, codec, errors
from runner.faults.detached import Program
from runner.faults.network import commands
from runner.faults.network.disturbance import LATENCY, Disturbance, Means

READY_S = 15.0
"""How long the process that holds packets may take to begin, on a busy machine."""


def of(asked: Disturbance) -> Means:
    return cast("Means", import_module(f"runner.faults.network.{asked.kind}"))


def missing(asked: Disturbance) -> str:
    """The program that is not installed; empty where all are."""
    programs = (*of(asked).PROGRAMS, *(["nsenter"] if asked.packets.namespace else []))
    return next((program for program in programs if not shutil.which(program)), "")


def apply(asked: Disturbance) -> None:
    """First the process that ends it, then the fault: nothing outlives its time, whoever dies between the two."""
    program = Program.named(asked.name)
    program.start(_keeper(asked), note=codec.encode(asked))
    if asked.kind == LATENCY and not clock.poll_until(lambda: _listens(asked, program), READY_S, 0.02):
        raise errors.EnvironmentFailure(
            f"the process that holds packets did not begin: {program.last_words() or 'no word'}"
        )
    of(asked).apply(asked)
    if not of(asked).left(asked):
        raise errors.EnvironmentFailure(f"the kernel took it and does not list it: {asked.does}")


def end(asked: Disturbance) -> bool:
    """Whether there was anything to undo. Raises EnvironmentFailure for what is still there."""
    program = Program.named(asked.name)
    removed = _is_there(asked) and of(asked).remove(asked)
    ended = program.end()
    program.forget()
    if remains := left(asked):
        raise errors.EnvironmentFailure("; ".join(remains))
    return removed or ended


def left(asked: Disturbance) -> list[str]:
    """In the kernel's tables, and the process that would end it."""
    found = of(asked).left(asked) if _is_there(asked) else []
    return [*found, *(f"process {p.pid} of {asked.name} still runs" for p in Program.named(asked.name).alive())]


def _is_there(asked: Disturbance) -> bool:
    """What was in a namespace that is gone is gone with it."""
    namespace = asked.packets.namespace
    return not namespace or commands.namespace_path(namespace).exists()


def _keeper(asked: Disturbance) -> list[str]:
    """Hold packets, or wait, for its time; then take it away. Nothing of ours is needed for that."""
    namespace = asked.packets.namespace
    holds = [sys.executable, "-P", "-m", "runner.faults.network.hold_packets"]
    numbers = [str(asked.number), f"{asked.amount:g}", f"{asked.jitter:g}", f"{asked.seconds:g}"]
    lasts = commands.there([*holds, *numbers], namespace) if asked.kind == LATENCY else ["sleep", f"{asked.seconds:g}"]
    removal = [shlex.join(commands.there(command, namespace)) for command in of(asked).removal(asked)]
    return ["sh", "-c", "; ".join([shlex.join(lasts), *removal])]


def _listens(asked: Disturbance, program: Program) -> bool:
    from runner.faults.network import latency

    return latency.listens(asked) or program.exit_code() is not None
