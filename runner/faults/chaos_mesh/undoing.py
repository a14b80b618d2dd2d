"""Undoing: deleting an object makes Chaos Mesh put its pods back; over is it only when the object and its rules in the pods are gone.

An object whose daemon cannot put a pod back keeps its finalizer and stays, until that pod is gone. An annotation, or an edit, that drops
the finalizer puts nothing back and leaves the pod with its rules, so that it is for a person to do, who is told so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runner import clock
from runner.faults import identity
from runner.faults.chaos_mesh import selection, status
from runner.faults.chaos_mesh.api import Api, NotAllowed
from runner.faults.chaos_mesh.wanted import NAME, Wanted
from runner.faults.driver import Outcome, Residue, State, UndoStep
from runner.rundir.start_message import Kept

FORCED = "chaos-mesh.chaos-mesh.org/cleanFinalizer=forced"
UNDO_S = 35.0
"""How long an object may take to go: it is within the minute that an undo step has."""
AGAIN_S = 3.0
"""The same of one that somebody has asked to go before, or whose server has just failed us."""
EVERY_S = 0.2


def args(plural: str, namespace: str, name: str, run: str, spaces: Iterable[str]) -> dict[str, Any]:
    """What is needed to end one object from any process."""
    return {"resource": plural, "namespace": namespace, "name": name, "run": run, "spaces": sorted({*spaces})}


def step(of: Mapping[str, Any]) -> UndoStep:
    """The record by which any process ends one object."""
    called = f"{of['resource']} {of['namespace']}/{of['name']}"
    return UndoStep(kind=NAME, what=f"delete {called} and wait until its pods are put back", args=of)


def spaces(fault: Wanted) -> list[str]:
    """The namespaces in which its pods are, on both sides of a network fault."""
    target = fault.spec.get("target") if fault.kind == "NetworkChaos" else None
    selectors = [fault.spec["selector"], (target or {}).get("selector")]
    return [space for selector in selectors if selector for space in selection.spaces(selector, fault.namespace)]


def concerns(of: Mapping[str, Any]) -> str:
    """`networkchaos/shop/NAME`."""
    return f"{of['resource']}/{of['namespace']}/{of['name']}"


def end(api: Api, of: Mapping[str, Any], *, within_s: float = UNDO_S) -> Outcome:
    """Delete it and wait until nothing of it is left. What is not this run's is not touched. Raises what the client raises."""
    before = _ours(api, of)
    if before is not None:
        within_s = min(within_s, AGAIN_S) if status.read(before).leaving else within_s
        api.delete(of["resource"], of["namespace"], of["name"], before["metadata"]["uid"])
        left = clock.poll_until(lambda: _ours(api, of), within_s, EVERY_S, enough=lambda found: found is None)
        if left is not None:
            return Outcome(state=State.FAILED, error=stuck(of, left))
    try:
        poisoned = "; ".join(_poisoned(api, of))
    except NotAllowed:  # the object is gone; what cannot be looked at is told with the residue
        poisoned = ""
    if poisoned:
        return Outcome(state=State.FAILED, error=poisoned)
    return Outcome(state=State.ALREADY if before is None else State.UNDONE)


def stuck(of: Mapping[str, Any], left: Mapping[str, Any]) -> str:
    """What to know of an object that does not go, and what to do."""
    now, called = status.read(left), f"{of['resource']} {of['namespace']}/{of['name']}"
    why = status.troubles(now.targets) or f"in {status.names(t.id for t in now.targets)}, without a reason"
    return (
        f"{called} is stuck: it was deleted, and Chaos Mesh cannot put its pods back ({why}). "
        "Look at chaos-controller-manager and chaos-daemon, or delete these pods: their workload makes clean ones, and the object goes "
        f"by itself. {FORCED}, or taking its finalizers away, puts nothing back"
    )


def residue(api: Api, records: Iterable[Mapping[str, Any]], kept: Kept) -> Residue:
    """What is left of each object that these undo records name. Raises what the client raises."""
    total = Residue()
    for of in records:
        try:
            found = [*_left(api, of)]
        except NotAllowed as problem:
            total += Residue(unseen=(str(problem),))
            continue
        ended = _ended(api, of)
        if found:
            meant = kept.names is None or concerns(of) in kept.names
            total += Residue(meant=tuple(found)) if meant else Residue(residue=tuple(found))
        else:
            total += Residue(
                cleared=(ended or f"no {of['resource']} of this run, and no rule of it in a pod, is left",)
            )
    return total


def _left(api: Api, of: Mapping[str, Any]) -> Iterator[str]:
    found = _ours(api, of)
    if found is not None and not status.read(found).harmless:
        now = status.read(found)
        if not now.leaving:
            yield f"{of['resource']} {of['namespace']}/{of['name']} is left: {now.sentence}"
            return
        yield stuck(of, found)
    yield from _poisoned(api, of)


def _ended(api: Api, of: Mapping[str, Any]) -> str:
    """Of one that its duration has ended and that nobody has deleted."""
    found = _ours(api, of)
    if found is None:
        return ""
    return f"{of['resource']} {of['namespace']}/{of['name']} acts no more ({status.read(found).sentence}); its object is still there"


def _ours(api: Api, of: Mapping[str, Any]) -> dict[str, Any] | None:
    """The object, where it carries the run's label: one of its name that somebody else made is not ours."""
    found = api.read(of["resource"], of["namespace"], of["name"])
    labels = ((found or {}).get("metadata") or {}).get("labels") or {}
    return found if labels.get(identity.LABEL) == of["run"] else None


def _poisoned(api: Api, of: Mapping[str, Any]) -> Iterator[str]:
    """Pods that keep rules of an object which is gone, or going."""
    source = f"{of['namespace']}/{of['name']}"
    for space in of["spaces"]:
        for plural, pod, rules in api.rules(space):
            ours = [r for r in rules if r.get("source") == source]
            if ours:
                yield (
                    f"pod {space}/{pod} keeps {len(ours)} rule(s) of {source} in {plural} {space}/{pod}, and every later fault on it "
                    f"fails too: delete the pod, whose workload makes a clean one"
                )
