"""Residue: where a run may have changed a cluster, how it was there before, and what of it is different afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.faults.driver import FaultTarget, Residue
from runner.faults.kubernetes import inventory, kinds, leaving
from runner.faults.kubernetes.inventory import Change
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

SETTLES_S = 1.5
"""What was found is looked at again after so long: clusters take their time."""
UNCERTAIN = "(during the run: by it or by others)"

Snapshot = Mapping[str, Any]
Theirs = Callable[[Collection[str]], Mapping[str, str]]
"""Of these names, which an undo record would put back and somebody else has decided since, with a sentence."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look, and what is ours there."""

    namespaces: tuple[str, ...] | None = ()
    """None: all, for an action could change anything."""
    named: tuple[str, ...] = ()
    """Objects, by name, that the method is known to change or to put back."""
    anything: bool = False
    """The method could change anything else besides."""
    evicts: bool = False
    """Pods without an owner that are gone are gone by us, wherever they were."""
    nothing: bool = False
    """No action reaches a cluster."""


def scope(actions: Sequence[FaultTarget]) -> Scope:
    """From the actions of the method that reach a cluster, resolved."""
    if not actions:
        return Scope(nothing=True)
    records = [step.args for a in actions for step in a.undo]
    anywhere = any(not a.resolved for a in actions)
    evicts = any(a.kind == "drain" for a in actions)
    spaces = {n for a in actions for n in a.scopes} | {r["namespace"] for r in records if "namespace" in r}
    made = [name for a in actions for name in a.objects]
    return Scope(
        namespaces=None if anywhere or evicts else tuple(sorted(spaces)),
        named=(*map(concerns, records), *made, *(t for a in actions for t in a.targets)),
        anything=anywhere,
        evicts=evicts,
    )


def concerns(args: Mapping[str, Any]) -> str:
    """What an undo record puts back, named as a change is."""
    return f"node/{args['node']}" if "node" in args else f"{args['resource']}/{args['namespace']}/{args['name']}"


def before(open_cluster: Callable[[], Cluster], where: Scope, *, must: bool) -> dict[str, Any]:
    """The snapshot to compare with; `must`: a cluster that cannot be looked at is an error. Raises what the API answers."""
    if where.nothing:
        return {}
    known = {"at": time.time(), "namespaces": where.namespaces}
    known |= {"named": where.named, "anything": where.anything, "evicts": where.evicts}
    from runner.faults.kubernetes.client import TROUBLES  # brings the client

    try:
        found = inventory.take(open_cluster(), where.namespaces, _kinds(where.named))
    except TROUBLES as problem:
        if must:
            raise
        return known | {"objects": None, "cordoned": [], "unseen": [f"the cluster ({type(problem).__name__})"]}
    objects = {name: {k: v for k, v in entry.items() if k != "by"} for name, entry in found["objects"].items()}
    return known | found | {"objects": objects, "leaving": {name: {} for name in found["leaving"]}}


def after(open_cluster: Callable[[], Cluster], snapshot: Snapshot, kept: Kept, theirs: Theirs) -> Residue:
    """What is different now, and whose doing it is. Raises what the API answers."""
    if snapshot.get("objects") is None:
        return Residue(unseen=tuple(snapshot.get("unseen") or ["the cluster"]))
    stuck: dict[str, str] = {}
    found = _compared(open_cluster(), snapshot, kept, theirs, stuck)
    if found.residue:
        time.sleep(SETTLES_S)
        found = _compared(open_cluster(), snapshot, kept, theirs, stuck)
    return found


def _compared(cluster: Cluster, snapshot: Snapshot, kept: Kept, theirs: Theirs, stuck: dict[str, str]) -> Residue:
    """`stuck`: what an earlier look has waited for in vain, brought up to date."""
    now = inventory.take(cluster, snapshot["namespaces"], _kinds(snapshot["named"]))
    held = leaving.stuck(cluster, inventory.came_and_leaves(snapshot, now), [*stuck])
    stuck |= held
    found: dict[str, list[str]] = {"residue": [], "meant": [], "others": []}
    changes = inventory.changes(snapshot, inventory.with_stuck(now, held), snapshot["at"])
    named = [c.name for c in changes if c.name in snapshot["named"]]
    foreign = theirs(named) if named and not snapshot["anything"] else {}  # else the method itself may have decided it
    for change in changes:
        certain = not snapshot["anything"] or change.name in snapshot["named"]
        whose = "others" if change.name in foreign else _whose(change, snapshot, kept)
        sentence = foreign.get(change.name, change.sentence)
        found[whose].append(sentence if certain else f"{sentence} {UNCERTAIN}")
    unseen = _unseen([*snapshot["unseen"], *now["unseen"]], snapshot)
    return Residue(**{whose: tuple(sentences) for whose, sentences in found.items()}, unseen=tuple(unseen))


def _kinds(names: Iterable[str]) -> set[str]:
    return {name.partition("/")[0] for name in names}


def _unseen(troubles: Iterable[str], snapshot: Snapshot) -> list[str]:
    """Where it is known what is ours, only kinds of that matter."""
    unique = list(dict.fromkeys(troubles))
    if snapshot["anything"]:
        return unique
    mine = _kinds(snapshot["named"])
    plurals = {k.plural for k in (*kinds.BUILT_IN, *kinds.OF_CLUSTER) if k.said in mine}
    return [t for t in unique if t.partition(" ")[0] in plurals | mine]


def _whose(change: Change, snapshot: Snapshot, kept: Kept) -> str:
    """residue, meant or others. Where anything could be ours, all is that not only controllers wrote."""
    named = change.name in snapshot["named"]
    evicted = snapshot["evicts"] and change.gone and change.name.startswith("pod/")
    rest = snapshot["anything"] and not change.by_controller
    if not (named or evicted or rest):
        return "others"
    by_name = kept.names is None or change.name in kept.names
    stays = by_name or (not named and not evicted and kept.rest)
    return "meant" if stays else "residue"
