"""Leaving: what was made during a run and is on its way out, and what holds it there: a deletion that hangs leaves the fault in place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runner import clock

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

GOES_S = 3.0
"""How long what holds an object may take to let it go."""
LOOK_S = 0.5
_HANGING = (
    "NamespaceFinalizersRemaining",
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
)
"""Conditions of a namespace that say why it does not go; that content remains is ordinary as long as its pods end."""

Entry = Mapping[str, Any]


def stuck(cluster: Cluster, leaving: Mapping[str, Entry], waited: Collection[str] = ()) -> dict[str, str]:
    """By name, of those that are still there after a while: what holds them. Those of `waited` have had their time already."""
    left = {name: "" for name, entry in leaving.items() if entry["held"] or name.startswith("namespace/")}

    def look() -> bool:
        for name in [*left]:
            now = _again(cluster, leaving[name])
            if now is None:
                del left[name]
            else:
                left[name] = _holder(name, now)
        return left.keys() <= set(waited)

    clock.poll_until(look, GOES_S, LOOK_S)
    return {name: why for name, why in left.items() if why}


def _again(cluster: Cluster, entry: Entry) -> Mapping[str, Any] | None:
    """The same one as it is now; as it was listed where we may not look at it alone."""
    from runner.faults.kubernetes.client import Unseen

    try:
        now = cluster.read(entry["path"])
    except Unseen:
        return {"metadata": {"finalizers": entry["held"]}}
    return now if now is not None and now["metadata"]["uid"] == entry["uid"] else None


def _holder(name: str, found: Mapping[str, Any]) -> str:
    """In words; empty where it goes its ordinary way: without finalizers, or a pod that still has time to end."""
    metadata = found["metadata"]
    if name.startswith("pod/") and not _is_over(metadata.get("deletionTimestamp")):
        return ""
    finalizers = metadata.get("finalizers") or ()
    held = [f"held by {', '.join(finalizers)}"] if finalizers else []
    return "; ".join((*held, *_hangs(found)))


def _hangs(found: Mapping[str, Any]) -> Iterator[str]:
    for condition in (found.get("status") or {}).get("conditions") or ():
        if condition.get("type") in _HANGING and condition.get("status") == "True":
            yield str(condition.get("message") or condition["type"])


def _is_over(moment: str | None) -> bool:
    """Of a pod the moment until which it may take to end."""
    return moment is not None and datetime.fromisoformat(moment) < datetime.now(UTC)
