"""Staying: what the file wants left as it is: actions under `stays:`, and the faults whose rollbacks its strategy does not play."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner.experiment.experiment import Experiment
from runner.faults import targeting

if TYPE_CHECKING:
    from runner.engine.crew import Crew

EMPTY = "empty"
"""The wish of a plain file whose `rollbacks:` are an empty list."""
Aims = Iterable[Mapping[str, Any]]


def intended(experiment: Experiment, aims: Aims) -> list[dict[str, Any]]:
    """The aims with the way back that the file wants: none for what is to stay. `kept` are the undo steps that it goes without."""
    never = experiment.runtime.rollbacks == "never"
    return [_intended(a, stays=a["action"] in experiment.block.stays, never=never) for a in aims]


def _intended(found: Mapping[str, Any], *, stays: bool, never: bool) -> dict[str, Any]:
    if not stays and not never:
        return {**found, "kept": [], "stays": False}
    owner = "stays" if stays else "nobody" if found["owner"] == "undoer" else found["owner"]
    return {**found, "owner": owner, "undo": [], "kept": list(found["undo"]), "stays": stays}


def objects(aims: Aims) -> list[str]:
    """What is left changed on purpose, named as the scan for residue names it."""
    aims = [*aims]
    staying = [a for a in aims if a["stays"]]
    made = [str(a["before"]["target"]) for a in staying if a["before"].get("target")]
    kept = [targeting.concerned(undo["args"]) for found in aims for undo in found["kept"]]
    return [*kept, *made, *(t for a in staying for t in a["targets"])]


def all_unknown(aims: Aims) -> bool:
    """Whether every action that could change anything is meant to stay: then so is whatever no other one explains."""
    unknown = [a for a in aims if a["kind"] == targeting.UNKNOWN]
    return bool(unknown) and all(a["stays"] for a in unknown)


def deviated(crew: Crew) -> bool:
    """Whether the run went otherwise than the steady state promises: for rollbacks that are played only then."""
    from runner.engine.conclude import judge
    from runner.slo.verdict import Verdict, worst

    session = crew.session
    if session.stop.done() or any(not c.met for c in crew.method.hypothesis() if c.when != "before"):
        return True
    begun = next((m.mono_ns for m in session.marks if m.name == "injected"), session.phase_since_ns)
    now = session.clock.monotonic()
    return worst(judge.judged(crew, o, begun, now).verdict for o in crew.objectives) is Verdict.FAIL


def unwanted(crew: Crew) -> str:
    """Which wish of the file leaves this run's changes as they are; empty where they are to be put back.

    A run that was stopped, or broke, is always put back: nobody knows how far it came.
    """
    experiment, strategy = crew.session.experiment, crew.session.experiment.runtime.rollbacks
    if strategy == "deviated" and not deviated(crew):
        return "deviated"
    whole = crew.method.finished and not crew.session.stop.done()
    return EMPTY if strategy == "default" and experiment.wants_no_undo and whole else ""


def promised(experiment: Experiment, aims: Aims) -> list[str]:
    """What will not be put back, for the file says so: known before the first change."""
    names = dict.fromkeys(str(found["action"]) for found in aims if found["stays"])
    left = [f"{name!r} is declared to stay" for name in names]
    strategy = experiment.runtime.rollbacks
    wish = "never" if strategy == "never" else EMPTY if strategy == "default" and experiment.wants_no_undo else ""
    said = unplayed(wish, steps(experiment, aims)) if wish else ""
    return [*left, *([said] if said else [])]


def steps(experiment: Experiment, aims: Aims) -> list[str]:
    """The whole way back that a file goes without, its own rollbacks and ours."""
    own = [str(undo["what"]) for found in aims if not found["stays"] for undo in (*found["kept"], *found["undo"])]
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
