"""Objects: any kind of API object that an action makes, changes or takes away, by its path in the API, and the proof that it did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.faults.driver import Evidence, FaultTarget
from runner.faults.kubernetes.signatures import Arguments, Resolve

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

_BOOKKEEPING = ("managedFields", "resourceVersion", "generation")
"""Metadata that changes without any change of what is wanted."""


@dataclass(frozen=True)
class Resource:
    """One kind of objects."""

    said: str
    """Before the slash of a target's name."""
    plural: str
    base: str
    """`/api/v1`, `/apis/apps/v1`."""
    namespaced: bool = True

    def path(self, namespace: str, name: str = "") -> str:
        """Of one object, or of all in a namespace."""
        where = f"{self.base}/namespaces/{namespace}" if self.namespaced else self.base
        return f"{where}/{self.plural}" + (f"/{name}" if name else "")

    def called(self, namespace: str, name: str) -> str:
        """Its name among the targets of a run."""
        return f"{self.said}/{namespace}/{name}" if self.namespaced else f"{self.said}/{name}"

    def space(self, arguments: Arguments) -> str:
        """The namespace of an action's objects."""
        return str(arguments.get("ns") or "default") if self.namespaced else ""


Choice = Callable[[Arguments], Resource]
"""From an action's arguments to the kind of objects it is about."""


def deleted(choose: Choice, name: Callable[[Arguments], Any] | None = None, owner: str = "nobody") -> Resolve:
    """An action that takes objects away: by `name`, else those that match `label_selector`, else all of a namespace."""

    def resolve(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
        resource = choose(arguments)
        named = name(arguments) if name else arguments.get("name")
        objects = select(cluster, resource, resource.space(arguments), named, arguments.get("label_selector"))
        return of_deleted(action, objects, _spaces(resource, arguments), owner)

    return resolve


def select(cluster: Cluster, resource: Resource, space: str, name: Any, selector: Any) -> dict[str, list[str]]:
    """`{target: [path, uid]}` of the objects that are there and to stay: whoever is on the way out already is hit by nobody."""
    if name:
        one = cluster.read(resource.path(space, str(name)))
        items: Iterable[dict[str, Any]] = [one] if one else []
    else:
        query = {"labelSelector": str(selector)} if selector else {}
        items = (cluster.read(resource.path(space), **query) or {}).get("items") or []
    found = [i["metadata"] for i in items if "deletionTimestamp" not in i["metadata"]]
    return {resource.called(space, m["name"]): [resource.path(space, m["name"]), m["uid"]] for m in found}


def of_deleted(
    action: str, objects: Mapping[str, list[str]], namespaces: tuple[str, ...], owner: str = "nobody"
) -> FaultTarget:
    """The aim of taking these away."""
    return FaultTarget(
        action=action,
        kind="deleted",
        targets=tuple(objects),
        note="" if objects else "nothing of that name is there that is not on its way out already",
        scopes=namespaces,
        owner=owner,
        before={"objects": dict(objects)},
    )


def gone(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """By their UID; one that is on its way out now, and was not before, was struck too."""
    now = {target: _left(cluster.read(path), uid) for target, (path, uid) in before["objects"].items()}
    left, leaving = ([t for t, how in now.items() if how == said] for said in (GONE, LEAVING))
    return Evidence(
        confirmed=bool(left or leaving),
        sentence=departed(left, leaving, f"{len(now)}"),
        targets=tuple(t for t, how in now.items() if how),
    )


GONE, LEAVING = "gone", "leaving"


def _left(now: Mapping[str, Any] | None, uid: str) -> str:
    """How far the one of this UID is away; empty where it stays."""
    if now is None or now["metadata"]["uid"] != uid:
        return GONE
    return LEAVING if "deletionTimestamp" in now["metadata"] else ""


def departed(left: Sequence[str], leaving: Sequence[str], of: str) -> str:
    """`1 of 3 pods are gone by their UID: a; 1 on the way out: b`; `of` is what there was."""
    said = f"{len(left)} of {of} are gone by their UID: {', '.join(left) or 'none'}"
    return f"{said}; {len(leaving)} on the way out: {', '.join(leaving)}" if leaving else said


def changed(choose: Choice) -> Resolve:
    """An action that patches or replaces one object."""

    def resolve(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
        resource, name = choose(arguments), str(arguments.get("name"))
        space = resource.space(arguments)
        now, target = cluster.read(resource.path(space, name)), resource.called(space, name)
        return FaultTarget(
            action=action,
            kind="changed",
            targets=(target,) if now else (),
            note="" if now else f"there is no {target}",
            scopes=_spaces(resource, arguments),
            objects=(target,),
            before={"target": target, "path": resource.path(space, name), "was": fingerprint(now)},
        )

    return resolve


def differs(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """By all that is wanted of it; what controllers report as its status does not count."""
    now = fingerprint(cluster.read(before["path"]))
    different, target = now != before["was"], before["target"]
    return Evidence(
        confirmed=different,
        sentence=f"{target} {'has changed' if different else 'is what it was'}",
        targets=(target,) if different else (),
    )


def fingerprint(found: Mapping[str, Any] | None) -> str:
    """Of an object without its status and bookkeeping; empty where it is not there."""
    if found is None:
        return ""
    metadata = {k: v for k, v in found["metadata"].items() if k not in _BOOKKEEPING}
    wanted = {k: v for k, v in found.items() if k != "status"} | {"metadata": metadata}
    return hashlib.sha256(json.dumps(wanted, sort_keys=True, default=str).encode()).hexdigest()


def of_created(
    cluster: Cluster, action: str, resource: Resource, space: str, name: str, hit: tuple[str, ...] | None = None
) -> FaultTarget:
    """The aim of making an object; `hit`: on whom it acts, where it acts on others. One without a name is known only once it is there."""
    if not name:
        return FaultTarget(action=action, note="what it makes has no name", scopes=(space,) if space else ())
    path, target = resource.path(space, name), resource.called(space, name)
    now = cluster.read(path)
    targets = (target,) if hit is None else hit
    return FaultTarget(
        action=action,
        kind="created",
        targets=targets,
        note=f"by making {target}" if now is None else f"{target} is there already",
        scopes=(space,) if space else (),
        objects=(target,),
        before={"path": path, "uid": now["metadata"]["uid"] if now else "", "target": target, "hit": list(targets)},
    )


def there(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """It is there and was not; one that says whether it has been injected has to say yes."""
    now = cluster.read(before["path"])
    if now is None or now["metadata"]["uid"] == before["uid"]:
        said = "is not there" if now is None else "was there before already"
        return Evidence(confirmed=False, sentence=f"{before['target']} {said}")
    conditions = (now.get("status") or {}).get("conditions") or ()
    injected = next((c.get("status") for c in conditions if c.get("type") == "AllInjected"), None)
    if injected not in (None, "True"):
        return Evidence(confirmed=False, sentence=f"{before['target']} is there, and says that it is not injected yet")
    return Evidence(confirmed=True, sentence=f"{before['target']} is there", targets=tuple(before["hit"]))


def _spaces(resource: Resource, arguments: Arguments) -> tuple[str, ...]:
    return (resource.space(arguments),) if resource.namespaced else ()
