"""Left in place: what the file wants left as it is: actions under `stays:`, and the faults whose rollbacks its strategy does not play."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner.experiment.experiment import Experiment
from runner.faults import registry
from runner.faults.driver import FaultTarget, Owner
from runner.rundir.start_message import Kept
from runner.timeline.vocabulary import MarkName

if TYPE_CHECKING:
    from runner.engine.execute.method import Method
    from runner.engine.observe.observers import Observers
    from runner.engine.run_context import RunContext
    from runner.engine.session import Session

EMPTY = "empty"
"""The wish of a plain file whose `rollbacks:` are an empty list."""
Actions = Iterable[FaultTarget]


def intended(experiment: Experiment, actions: Actions) -> tuple[FaultTarget, ...]:
    """The actions with the way back that the file wants: none for what is to stay. `kept` are the undo steps that they go without."""
    never = experiment.runtime.rollbacks == "never"
    return tuple(_intended(a, stays=a.action in experiment.block.stays, never=never) for a in actions)


def _intended(found: FaultTarget, *, stays: bool, never: bool) -> FaultTarget:
    if not stays and not never:
        return found
    owner = Owner.STAYS if stays else Owner.NOBODY if found.owner == Owner.UNDOER else found.owner
    return replace(found, owner=owner, undo=(), kept=found.undo, stays=stays)


def kept(experiment: Experiment, actions: Actions) -> Kept:
    """What is left changed on purpose, named as the search for residue names it."""
    actions = [*actions]
    if experiment.runtime.rollbacks == "never":
        return Kept(names=None, rest=_all_unknown(actions))
    staying = [a for a in actions if a.stays]
    undone = [concerns(step.kind, step.args) for a in actions for step in a.kept]
    names = (*undone, *(name for a in staying for name in (*a.objects, *a.targets)))
    return Kept(names=names, rest=_all_unknown(actions))


def concerns(kind: str, args: Mapping[str, Any]) -> str:
    """What an undo record puts back, by name."""
    driver = registry.playing(kind)
    return driver.concerns(args) if driver else ""


def _all_unknown(actions: Actions) -> bool:
    """Whether every action that could change anything is meant to stay: then so is whatever no other one explains."""
    unknown = [a for a in actions if not a.resolved]
    return bool(unknown) and all(a.stays for a in unknown)


def deviated(session: Session, method: Method, observers: Observers) -> bool:
    """Whether the run went otherwise than the steady state promises: for rollbacks that are played only then."""
    from runner.slo.verdict import Verdict, worst

    if session.stop.done() or any(not c.met for c in method.hypothesis() if c.when != "before"):
        return True
    begun = next((m.mono_ns for m in session.marks if m.name == MarkName.INJECTED), session.phase_since_ns)
    now = session.clock.monotonic()
    return worst(observers.judge(o, begun, now).verdict for o in observers.objectives) is Verdict.FAIL


def unwanted(context: RunContext, method: Method, observers: Observers) -> str:
    """Which wish of the file leaves this run's changes as they are; empty where they are to be put back.

    A run that was stopped, or broke, is always put back: nobody knows how far it came.
    """
    experiment, session = context.experiment, context.session
    strategy = experiment.runtime.rollbacks
    if strategy == "deviated" and not deviated(session, method, observers):
        return "deviated"
    whole = method.finished and not session.stop.done()
    return EMPTY if strategy == "default" and experiment.wants_no_undo and whole else ""


def promised(experiment: Experiment, actions: Actions) -> list[str]:
    """What will not be put back, for the file says so: known before the first change."""
    names = dict.fromkeys(a.action for a in actions if a.stays)
    left = [f"{name!r} is declared to stay" for name in names]
    strategy = experiment.runtime.rollbacks
    wish = "never" if strategy == "never" else EMPTY if strategy == "default" and experiment.wants_no_undo else ""
    said = unplayed(wish, steps(experiment, actions)) if wish else ""
    return [*left, *([said] if said else [])]


def steps(experiment: Experiment, actions: Actions) -> list[str]:
    """The whole way back that a file goes without, its own rollbacks and ours."""
    own = [step.what for a in actions if not a.stays for step in (*a.kept, *a.undo)]
    return [*(str(r.get("name")) for r in experiment.rollbacks), *own]


def unplayed(wish: str, left_out: Sequence[str]) -> str:
    """Why nothing was put back, where the file wants that; empty where there is nothing that could have been played."""
    if not left_out:
        return ""
    why = {
        "deviated": "the steady state did not deviate, and the file's rollback strategy is deviated",
        "never": "the file's rollback strategy is never",
        EMPTY: "the file has empty rollbacks and no chaos-run block",
    }
    return f"{why[wish]} (skipped: {', '.join(left_out)})"
