"""The verbs of the API on the store, without HTTP: create, replace, patch, delete; each raises a Refusal."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from runner.playground import defaults, kinds, patch, ports, refusal, rules, shape, store

RETURNED = ("Pod", "Service", "ServiceAccount", "Namespace", "PodDisruptionBudget")
"""Kinds whose deletion answers with the object instead of a Status."""


@dataclass
class Verbs:
    """The store behind the checks of the API server; `warnings` collects what the client is told beside the answer."""

    store: store.ObjectStore
    ports: ports.Ports
    validation: str = "Warn"
    dry: bool = False
    warnings: list[str] = field(default_factory=list)

    def create(self, kind: kinds.ResourceKind, namespace: str, body: Any) -> kinds.Object:
        """Check, fill in and store a new object."""
        found = self._decoded(kind, namespace, body)
        meta = found["metadata"]
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + defaults.suffix()
        if kind.namespaced:
            self._place(kind, namespace, meta)
        meta.pop("resourceVersion", None)
        defaults.fill(kind, found, new=True)
        self._judge(kind, found, None)
        if kind is kinds.SERVICE:
            self.ports.assign(found, None)
        return self.store.create(found, dry=self.dry)

    def replace(
        self, kind: kinds.ResourceKind, namespace: str, name: str, body: Any, subresource: str = ""
    ) -> kinds.Object:
        """Store a changed object; only the status for the subresource `status`, and all but the status otherwise."""
        before = self.store.read(kind, namespace, name)
        found = self._decoded(kind, namespace, body)
        found["metadata"].setdefault("name", name)
        if found["metadata"]["name"] != name:
            said = f"the name of the object ({found['metadata']['name']}) does not match the name on the URL ({name})"
            raise refusal.bad_request(said)
        return self._update(kind, found, before, subresource)

    def change(
        self, kind: kinds.ResourceKind, namespace: str, name: str, media: str, body: Any, subresource: str = ""
    ) -> kinds.Object:
        """Patch an object."""
        before = self.store.read(kind, namespace, name)
        found = patch.apply(media, before, body, kind.name)
        found = self._decoded(kind, namespace, found)
        return self._update(kind, found, before, subresource)

    def _update(
        self, kind: kinds.ResourceKind, found: kinds.Object, before: kinds.Object, subresource: str
    ) -> kinds.Object:
        held = copy.deepcopy(before)
        if subresource == "status":
            held["status"] = found.get("status") or {}
            held["metadata"]["resourceVersion"] = found["metadata"].get(
                "resourceVersion", before["metadata"]["resourceVersion"]
            )
            return self.store.update(held, dry=self.dry)
        if "status" in held:
            found["status"] = held["status"]
        for key in ("deletionTimestamp", "deletionGracePeriodSeconds"):
            found["metadata"].pop(key, None)
            if key in held["metadata"]:
                found["metadata"][key] = held["metadata"][key]
        if kind is kinds.SERVICE:
            self.ports.keep(found, before)
        defaults.fill(kind, found, new=False)
        self._judge(kind, found, before)
        if kind is kinds.SERVICE:
            self.ports.assign(found, before)
        return self.store.update(found, dry=self.dry)

    def delete(self, kind: kinds.ResourceKind, namespace: str, name: str, options: dict[str, Any]) -> kinds.Object:
        """Delete or begin to; answers with the object or a Status as the real server does."""
        found = self.store.read(kind, namespace, name)
        _preconditions(kind, found, options.get("preconditions") or {})
        if kind is kinds.NAMESPACE and name in ("default", "kube-system", "kube-public"):
            said = f'namespaces "{name}" is forbidden: this namespace may not be deleted'
            raise refusal.Refusal(403, "Forbidden", said, refusal.details(kind, name))
        gone = found if self.dry else begin_deletion(self.store, kind, found, options)
        if kind.name in RETURNED or gone["metadata"].get("finalizers"):
            return gone
        return {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": refusal.details(kind, name) | {"uid": found["metadata"]["uid"]},
        }  # fmt: skip

    def _decoded(self, kind: kinds.ResourceKind, namespace: str, body: Any) -> kinds.Object:
        """The body as an object of this kind with the fields that exist; unknown ones are refused, warned about or dropped."""
        if not isinstance(body, dict):
            raise refusal.bad_request(f"the object provided is unrecognized (must be of type {kind.name})")
        claimed = (body.get("apiVersion") or kind.api_version, body.get("kind") or kind.name)
        if claimed != (kind.api_version, kind.name):
            version = claimed[0].rpartition("/")[2]
            how = f"converting ({claimed[0]}.{claimed[1]}) to ({kind.group or 'core'}.{kind.name}): unknown conversion"
            said = f'{claimed[1]} in version "{version}" cannot be handled as a {kind.name}: {how}'
            raise refusal.bad_request(said)
        found = copy.deepcopy(body)
        self.warnings += shape.check(kind, found, self.validation)
        found |= {"apiVersion": kind.api_version, "kind": kind.name}
        meta = found["metadata"] = found.get("metadata") or {}
        meta.pop("managedFields", None)
        if kind.namespaced:
            if meta.setdefault("namespace", namespace) != namespace:
                raise refusal.bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
        else:
            meta.pop("namespace", None)
        return dict(_without_nulls(found))

    def _place(self, kind: kinds.ResourceKind, namespace: str, meta: dict[str, Any]) -> None:
        """A namespace takes new objects while it is there and not leaving."""
        home = self.store.read(kinds.NAMESPACE, "", namespace)
        if home["status"]["phase"] == "Terminating" and kind is not kinds.EVENT:
            name = meta.get("name", "")
            said = (
                f'{kind.qualified} "{name}" is forbidden: unable to create new content in namespace {namespace} '
                "because it is being terminated"
            )
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise refusal.Refusal(403, "Forbidden", said, refusal.details(kind, name) | {"causes": [cause]})

    def _judge(self, kind: kinds.ResourceKind, found: kinds.Object, before: kinds.Object | None) -> None:
        if causes := rules.check(kind, found, before):
            raise refusal.invalid(kind, found["metadata"].get("name", ""), causes)


def begin_deletion(
    held: store.ObjectStore, kind: kinds.ResourceKind, found: kinds.Object, options: dict[str, Any]
) -> kinds.Object:
    """Set the deletion time, grace period and finalizers; the store removes what has nothing to wait for."""
    new = copy.deepcopy(found)
    meta = new["metadata"]
    grace = _grace(kind, found, options)
    leaving = "deletionTimestamp" in meta
    if leaving and grace >= meta.get("deletionGracePeriodSeconds", 0) > 0:
        return found
    meta["deletionTimestamp"] = _later(grace)
    meta["deletionGracePeriodSeconds"] = grace
    policy = options.get("propagationPolicy") or ("Orphan" if options.get("orphanDependents") else "")
    guard = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}.get(policy)
    if guard and not leaving:
        meta["finalizers"] = [*meta.get("finalizers", ()), guard]
    if kind is kinds.NAMESPACE:
        new["status"]["phase"] = "Terminating"
    return held.update(new)


def _grace(kind: kinds.ResourceKind, found: kinds.Object, options: dict[str, Any]) -> int:
    """Seconds a pod has to go; one that runs nowhere, or runs no more, needs none."""
    if (
        kind is not kinds.POD
        or not found["spec"].get("nodeName")
        or found["status"]["phase"] in ("Succeeded", "Failed")
    ):
        return 0
    asked = options.get("gracePeriodSeconds")
    return int(found["spec"]["terminationGracePeriodSeconds"] if asked is None or asked < 0 else asked)


def _preconditions(kind: kinds.ResourceKind, found: kinds.Object, wanted: dict[str, Any]) -> None:
    meta = found["metadata"]
    for key, what, happened in (
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ):
        if (asked := wanted.get(key)) and asked != meta[key]:
            raise refusal.precondition_failed(kind, meta["name"], what, asked, meta[key], happened)


def _later(seconds: int) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _without_nulls(value: Any) -> Any:
    """Null fields are absent fields, as after decoding into Go structs."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
