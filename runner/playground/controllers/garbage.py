"""What belongs to something deleted goes too; foreground and orphan deletion as their finalizers ask for it."""

from __future__ import annotations

import copy

from runner.playground import conditions, kinds, resources, store


def sync(held: store.ObjectStore) -> None:
    """Collect, then release the owners that waited."""
    alive = {
        found["metadata"]["uid"]: found for kind in kinds.KINDS if kind is not kinds.EVENT for found in held.list(kind)
    }
    owned = [
        (found, reference) for found in alive.values() for reference in found["metadata"].get("ownerReferences", ())
    ]
    for found, reference in owned:
        owner = alive.get(reference["uid"])
        if owner is None or "foregroundDeletion" in owner["metadata"].get("finalizers", ()):
            _collect(held, found)
        elif "orphan" in owner["metadata"].get("finalizers", ()):
            _orphan(held, found, reference["uid"])
    for owner in alive.values():
        _release(held, owner)


def _collect(held: store.ObjectStore, found: kinds.Object) -> None:
    if not conditions.leaving(found):
        resources.begin_deletion(held, kinds.of(found), found, {})


def _orphan(held: store.ObjectStore, found: kinds.Object, uid: str) -> None:
    new = copy.deepcopy(found)
    left = [r for r in new["metadata"].pop("ownerReferences") if r["uid"] != uid]
    new["metadata"] |= {"ownerReferences": left} if left else {}
    held.update(new)


def _release(held: store.ObjectStore, owner: kinds.Object) -> None:
    guards = {"foregroundDeletion", "orphan"} & set(owner["metadata"].get("finalizers", ()))
    if not guards or _has_dependents(held, owner["metadata"]["uid"]):
        return
    new = copy.deepcopy(held.read(kinds.of(owner), owner["metadata"].get("namespace", ""), owner["metadata"]["name"]))
    new["metadata"]["finalizers"] = [f for f in new["metadata"]["finalizers"] if f not in guards]
    held.update(new)


def _has_dependents(held: store.ObjectStore, uid: str) -> bool:
    return any(
        reference["uid"] == uid
        for kind in kinds.KINDS
        for found in held.list(kind)
        for reference in found["metadata"].get("ownerReferences", ())
    )
