"""The life of an attack: prepared, begun as Docker shows it, and ended: Pumba asked first, and what it leaves put back by us."""

from __future__ import annotations

from typing import Any

from runner import clock, errors
from runner.faults.pumba import state
from runner.faults.pumba.attack import DELAY, KILL, LOSS, STRESS, Attack
from runner.faults.pumba.state import Before

BEGUN_S = 30.0
"""How long it may take until Docker shows the fault."""
CLEANS_S = 32.0
"""Pumba stops its own clean-up after 30 s."""


def prepare(asked: Attack) -> dict[str, Any]:
    """What this run itself left by the same name is ended; helpers get an image of our name. Raises EnvironmentFailure."""
    if asked.program.alive() or asked.docker.made_from(asked.helper):
        end(asked, {})
    if asked.image:
        asked.docker.call("tag", asked.image, asked.helper)
    return state.before(asked)


def began(asked: Attack, earlier: Before) -> None:
    """Raises EnvironmentFailure when the fault is not there in time, with Pumba's words."""
    program = asked.program
    clock.poll_until(lambda: is_there(asked, earlier) or program.exit_code() is not None, BEGUN_S, 0.1)
    code = program.exit_code()
    if code not in (None, 0) or (not is_there(asked, earlier) and asked.kind != KILL):
        how = f"ends with exit code {code}" if code is not None else "goes on"
        raise errors.EnvironmentFailure(
            f"Pumba {how}, and {', '.join(asked.containers)} is unchanged: {program.last_words()}"
        )
    if asked.kind == KILL and not state.hit(asked, earlier):
        raise errors.EnvironmentFailure(
            f"Pumba ends with exit code {code}, and nobody was killed: {program.last_words()}"
        )


def is_there(asked: Attack, earlier: Before) -> bool:
    """Whether the fault is in place at every container, whether or not anybody has felt it yet."""
    if asked.kind in (DELAY, LOSS):
        return all(any(f"container {name} " in sentence for sentence in state.left(asked, earlier)) for name in earlier)
    if asked.kind == STRESS:
        return bool(asked.docker.made_from(asked.helper))
    return len(state.hit(asked, earlier)) == len(earlier)


def end(asked: Attack, earlier: Before) -> bool:
    """Whether there was anything to undo. Raises EnvironmentFailure for what is still there."""
    ended = asked.program.end(CLEANS_S)
    changed = state.put_back(asked, earlier)
    asked.program.forget()
    if remains := [*state.left(asked, earlier)]:
        raise errors.EnvironmentFailure("; ".join(remains))
    return ended or changed
