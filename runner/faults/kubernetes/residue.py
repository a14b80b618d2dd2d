"""Looking: where a run may have changed a cluster, how it was there before, and what of it is different afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.experiment import reach
from runner.experiment.reach import Reach
from runner.faults.kubernetes import inventory, kinds
from runner.faults.kubernetes.inventory import Change

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

SCAN_S = 22.0
"""Two inventories and the pause between them."""
SETTLES_S = 1.5
"""What was found is looked at again after so long: clusters take their time."""
UNCERTAIN = "(during the run: by it or by others)"

Aims = Iterable[Mapping[str, Any]]
Snapshot = Mapping[str, Any]


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


def scope(document: Mapping[str, Any], aims: Aims) -> Scope:
    """From the actions of the method and their aims."""
    aims, method = [*aims], [a for a in document.get("method") or () if a.get("type") == "action"]
    reaching = {str(a.get("name")) for a in method if reach.of({"method": [a]}) is not Reach.NONE}
    concerned = [a for a in aims if a["action"] in reaching]
    if not concerned:
        return Scope(nothing=True)
    records = [r["args"] for a in concerned for r in a["undo"]]
    anywhere = any(a["kind"] == "unknown" for a in concerned)
    evicts = any(a["kind"] == "drain" for a in concerned)
    spaces = {n for a in concerned for n in a["namespaces"]} | {r["namespace"] for r in records if "namespace" in r}
    named = [f"node/{r['node']}" if "node" in r else f"{r['resource']}/{r['namespace']}/{r['name']}" for r in records]
    made = [str(a["before"]["target"]) for a in concerned if a["before"].get("target")]
    return Scope(
        namespaces=None if anywhere or evicts else tuple(sorted(spaces)),
        named=(*named, *made, *(t for a in concerned for t in a["targets"])),
        anything=anywhere,
        evicts=evicts,
    )


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
    return known | found | {"objects": objects}


def after(open_cluster: Callable[[], Cluster], snapshot: Snapshot) -> dict[str, list[str]]:
    """`{residue, meant, others, unseen}`, a sentence each. Raises what the API answers.

    `meant` is ours and stays as the file wants it: what the snapshot names under `left`, or all where that is None.
    """
    if snapshot.get("objects") is None:
        return {"unseen": list(snapshot.get("unseen") or ["the cluster"])}
    told = _told(open_cluster(), snapshot)
    if told["residue"]:
        time.sleep(SETTLES_S)
        told = _told(open_cluster(), snapshot)
    return told


def _told(cluster: Cluster, snapshot: Snapshot) -> dict[str, list[str]]:
    now = inventory.take(cluster, snapshot["namespaces"], _kinds(snapshot["named"]))
    told: dict[str, list[str]] = {"residue": [], "meant": [], "others": []}
    for change in inventory.changes(snapshot, now, snapshot["at"]):
        certain = not snapshot["anything"] or change.name in snapshot["named"]
        told[_whose(change, snapshot)].append(change.sentence if certain else f"{change.sentence} {UNCERTAIN}")
    return told | {"unseen": _unseen([*snapshot["unseen"], *now["unseen"]], snapshot)}


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


def _whose(change: Change, snapshot: Snapshot) -> str:
    """residue, meant or others. Where anything could be ours, all is that not only controllers wrote."""
    named, left = change.name in snapshot["named"], snapshot.get("left", ())
    evicted = snapshot["evicts"] and change.gone and change.name.startswith("pod/")
    rest = snapshot["anything"] and not change.by_controller
    if not (named or evicted or rest):
        return "others"
    stays = left is None or change.name in left or (not named and not evicted and snapshot.get("rest_stays"))
    return "meant" if stays else "residue"
