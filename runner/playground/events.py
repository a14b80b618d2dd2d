"""What happened, as Event objects: one for each reason and object, counted up when it happens again."""

from __future__ import annotations

import copy
import time

from runner.playground import kinds, store

KEPT = 1000
"""Events held; the oldest go first."""


def record(
    held: store.ObjectStore,
    about: kinds.Object,
    reason: str,
    message: str,
    source: str,
    *,
    type: str = "Normal",
    host: str = "",
    field: str = "",
) -> None:
    """Write an event about an object; `source` is the component, `field` the part of the object."""
    meta = about["metadata"]
    namespace = meta.get("namespace", "default")
    for known in held.list(kinds.EVENT, namespace):
        if (known.get("involvedObject", {}).get("uid"), known.get("reason"), known.get("message")) == (
            meta["uid"],
            reason,
            message,
        ):
            again = copy.deepcopy(known)
            again |= {"count": known["count"] + 1, "lastTimestamp": store.now()}
            held.update(again)
            return
    if held.get(kinds.NAMESPACE, "", namespace) is not None:
        held.create(_new(about, namespace, reason, message, source, type, host, field))
    _forget(held)


def _new(
    about: kinds.Object, namespace: str, reason: str, message: str, source: str, type: str, host: str, field: str
) -> kinds.Object:
    meta, at = about["metadata"], store.now()
    involved = {"kind": about["kind"], "name": meta["name"], "uid": meta["uid"], "apiVersion": about["apiVersion"]}
    involved |= {"namespace": meta["namespace"]} if "namespace" in meta else {}
    involved |= {"resourceVersion": meta["resourceVersion"]} | ({"fieldPath": field} if field else {})
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{time.time_ns():x}", "namespace": namespace},
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "source": {"component": source} | ({"host": host} if host else {}),
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "type": type,
        "eventTime": None,
        "reportingComponent": source,
        "reportingInstance": host,
    }


def _forget(held: store.ObjectStore) -> None:
    kept = list(held.list(kinds.EVENT))
    for old in sorted(kept, key=lambda e: int(e["metadata"]["resourceVersion"]))[: max(0, len(kept) - KEPT)]:
        held.remove(old)
