"""The objects and their history: one counter gives every write its resourceVersion, every write wakes the watchers."""

from __future__ import annotations

import copy
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from runner.playground import kinds, refusal

MEMORY = 4000
"""Changes a watch can go back; older ones are answered with 410."""


@dataclass(frozen=True)
class WatchChange:
    """One write; `before` is absent for an object that is new."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    kind: kinds.ResourceKind
    object: kinds.Object
    before: kinds.Object | None


class ObjectStore:
    """Objects by kind, namespace and name. What is in it is never changed in place: take a `copy.deepcopy`, then `update`."""

    def __init__(self) -> None:
        self.version = 1
        self.history: deque[WatchChange] = deque(maxlen=MEMORY)
        self.listeners: set[Callable[[WatchChange], None]] = set()
        self._objects: dict[kinds.ResourceKind, dict[tuple[str, str], kinds.Object]] = {
            kind: {} for kind in kinds.KINDS
        }

    def get(self, kind: kinds.ResourceKind, namespace: str, name: str) -> kinds.Object | None:
        """The object or None; `namespace` is ignored for kinds without one."""
        return self._objects[kind].get((namespace if kind.namespaced else "", name))

    def read(self, kind: kinds.ResourceKind, namespace: str, name: str) -> kinds.Object:
        """The object; raises the 404."""
        found = self.get(kind, namespace, name)
        if found is None:
            raise refusal.not_found(kind, name)
        return found

    def list(self, kind: kinds.ResourceKind, namespace: str = "") -> Iterator[kinds.Object]:
        """Sorted by namespace and name, as the real store lists them."""
        held = self._objects[kind]
        return iter([held[key] for key in sorted(held) if not namespace or key[0] == namespace])

    def create(self, found: kinds.Object, *, dry: bool = False) -> kinds.Object:
        """Store a new object with uid, creation time and version; raises the 409."""
        kind, new = kinds.of(found), copy.deepcopy(found)
        meta = new["metadata"]
        if self.get(kind, meta.get("namespace", ""), meta["name"]) is not None:
            raise refusal.exists(kind, meta["name"])
        meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
        if kind.counted:
            meta["generation"] = 1
        return new if dry else self._write("ADDED", kind, new, None)

    def update(self, found: kinds.Object, *, dry: bool = False) -> kinds.Object:
        """Replace an object; a resourceVersion in it must be the present one (409). Nothing new is no write."""
        kind, meta = kinds.of(found), found["metadata"]
        before = self.read(kind, meta.get("namespace", ""), meta["name"])
        old = before["metadata"]
        if meta.get("resourceVersion", old["resourceVersion"]) != old["resourceVersion"]:
            raise refusal.conflict(kind, meta["name"])
        if meta.get("uid", old["uid"]) != old["uid"]:
            raise refusal.conflict(kind, meta["name"], _uid_conflict(meta["uid"], old["uid"]))
        new = copy.deepcopy(found)
        kept = {key: old[key] for key in ("uid", "creationTimestamp", "resourceVersion", "generation") if key in old}
        new["metadata"] |= kept
        if new == before:
            return before
        if kind.counted and _spec(new) != _spec(before):
            new["metadata"]["generation"] = old.get("generation", 0) + 1
        return new if dry else self._settle(kind, new, before)

    def remove(self, found: kinds.Object) -> None:
        """Take an object away at once, whatever its finalizers say."""
        kind, meta = kinds.of(found), found["metadata"]
        before = self.get(kind, meta.get("namespace", ""), meta["name"])
        if before is not None and before["metadata"]["uid"] == meta["uid"]:
            self._write("DELETED", kind, copy.deepcopy(before), before)

    def _settle(self, kind: kinds.ResourceKind, new: kinds.Object, before: kinds.Object) -> kinds.Object:
        """An object that is leaving goes with its last finalizer; a pod when its grace period is over, a namespace when empty."""
        meta = new["metadata"]
        leaving = "deletionTimestamp" in meta and not meta.get("finalizers")
        waiting = meta.get("deletionGracePeriodSeconds", 0) or new.get("spec", {}).get("finalizers")
        if leaving and not waiting:
            return self._write("DELETED", kind, new, before)
        return self._write("MODIFIED", kind, new, before)

    def _write(
        self,
        type: Literal["ADDED", "MODIFIED", "DELETED"],
        kind: kinds.ResourceKind,
        new: kinds.Object,
        before: kinds.Object | None,
    ) -> kinds.Object:
        self.version += 1
        meta = new["metadata"]
        meta["resourceVersion"] = str(self.version)
        key = (meta.get("namespace", ""), meta["name"])
        if type == "DELETED":
            self._objects[kind].pop(key, None)
        else:
            self._objects[kind][key] = new
        change = WatchChange(self.version, type, kind, new, before)
        self.history.append(change)
        for listener in tuple(self.listeners):
            listener(change)
        return new


def now() -> str:
    """The time as metadata has it: whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now_micro() -> str:
    """The time as leases and new events have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _spec(found: kinds.Object) -> tuple[object, bool]:
    """What counts as a new generation: everything but metadata, status and a pod's binding; and the decision to delete."""
    rest = {k: v for k, v in found.items() if k not in ("metadata", "status", "spec")}
    rest["spec"] = {k: v for k, v in (found.get("spec") or {}).items() if k != "nodeName"}
    return rest, "deletionTimestamp" in found["metadata"]


def _uid_conflict(asked: str, present: str) -> str:
    return f"Precondition failed: UID in precondition: {asked}, UID in object meta: {present}"
