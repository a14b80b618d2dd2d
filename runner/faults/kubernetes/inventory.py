"""Inventory: what stands in a cluster before a run and after it, by a few lists, so that what is new, gone or changed is found
whatever made it.

Objects with an owner are left out: they come and go with it. What could not be listed is named.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.faults.kubernetes import kinds
from runner.faults.kubernetes.kinds import Kind

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

DEADLINE_S = 8.0
"""All lists together; what has not answered by then was not looked at."""
AT_ONCE = 8
MOST_SPACES = 4
"""More namespaces than these are read by one list of all."""
_CONTROLLERS = re.compile(
    r"controller|operator|kubelet|scheduler|autoscaler|provisioner|argocd|flux|kube-apiserver|csi-"
)
"""Programs, as the API knows them, that act on their own."""

Entry = dict[str, Any]
"""Of one object: `print` (of what is wanted of it), `replicas`, `by` (who wrote it last, when that is known)."""


@dataclass(frozen=True)
class Change:
    """One object that is not as it was."""

    name: str
    sentence: str
    gone: bool = False
    by_controller: bool = False
    """Nobody but a controller wrote it since."""


def take(cluster: Cluster, namespaces: Sequence[str] | None, also: Collection[str] = ()) -> dict[str, Any]:
    """`{objects, leaving, cordoned, unseen}` of these namespaces, the nodes and the kinds named in `also`; of all for `namespaces` None.

    What is on its way out (`leaving`) is none of the objects any more. Raises whatever the API answers where it cannot be reached at all.
    """
    until, lists = time.monotonic() + DEADLINE_S, _Lists(cluster)
    groups = lists.read("/apis")
    served = {str(g.get("name")) for g in groups.get("groups") or ()} | {""}
    wanted = [k for k in (*kinds.BUILT_IN, *kinds.OF_CLUSTER) if _group(k) in served]
    unseen: list[str] = []
    ordinary = {k.said for k in wanted}
    if namespaces is None or set(also) - ordinary:
        more = [k for k in lists.customs(groups) if namespaces is None or k.said in also]
        wanted += more[: kinds.MOST_CUSTOM]
        unseen += [f"{len(more) - kinds.MOST_CUSTOM} kinds of custom objects"] if len(more) > kinds.MOST_CUSTOM else []
    if namespaces is not None:
        wanted = [k for k in wanted if k.namespaced or k.said == "node" or k.said in also]
    objects: dict[str, Entry] = {}
    leaving: dict[str, Entry] = {}
    for kind, items, trouble in lists.all(wanted, namespaces, until):
        for found in (i for i in items if not kinds.is_noise(i["metadata"])):
            (leaving if _leaves(found) else objects)[_name(kind, found)] = _entry(kind, found)
        unseen += [f"{kind.plural} ({trouble})"] if trouble else []
    cordoned = sorted(n.removeprefix("node/") for n, e in objects.items() if e.get("cordoned"))
    return {"objects": objects, "leaving": leaving, "cordoned": cordoned, "unseen": unseen}


def came_and_leaves(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Entry]:
    """What was not there before, neither to stay nor on its way out, and is on its way out now."""
    known = before["objects"].keys() | before.get("leaving", {}).keys()
    told = _told_by_namespace(before, now)
    return {name: entry for name, entry in now["leaving"].items() if name not in known and not told(name)}


def with_stuck(now: Mapping[str, Any], stuck: Mapping[str, str]) -> dict[str, Any]:
    """The same, and what came and does not leave is one of its objects after all; `stuck` says by what each is held."""
    held = {name: now["leaving"][name] | {"stuck": why} for name, why in stuck.items()}
    return {**now, "objects": now["objects"] | held}


def changes(before: Mapping[str, Any], now: Mapping[str, Any], since: float) -> list[Change]:
    """What is new, gone or changed since the moment `since` (seconds of the epoch), in the order of the names."""
    was, is_ = before["objects"], now["objects"]
    blind = {text.partition(" ")[0] for text in (*before["unseen"], *now["unseen"])}
    told = _told_by_namespace(before, now)
    found = []
    for name in sorted(was.keys() | is_.keys()):
        plural = (was.get(name) or is_[name])["plural"]
        seen = not told(name) and plural not in blind
        if seen and (said := _difference(name, was.get(name), is_.get(name), now["leaving"])):
            by = is_.get(name, {}).get("by") or []
            wrote = [who for who, at in by if at >= since]
            alone = bool(wrote) and all(_CONTROLLERS.search(who) for who in wrote)
            found.append(Change(name=name, sentence=said, gone=name not in is_, by_controller=alone))
    return found


def _told_by_namespace(before: Mapping[str, Any], now: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether an object is in a namespace that itself is new, gone or on its way out."""
    differ = before["objects"].keys() ^ now["objects"].keys() | now["leaving"].keys()
    return lambda name: name.count("/") == 2 and f"namespace/{name.split('/')[1]}" in differ


def _difference(name: str, was: Entry | None, is_: Entry | None, leaving: Collection[str]) -> str:
    called = f"{name.partition('/')[0]} {name.partition('/')[2]}".replace("_", " ")
    if is_ is None:
        return f"{called} is {'on its way out' if name in leaving else 'gone'}"
    if was is None:
        return f"{called} is new" + (f", and stuck on its way out: {is_['stuck']}" if "stuck" in is_ else "")
    if is_.get("cordoned") and not was.get("cordoned"):
        return f"{called} is cordoned"
    if is_.get("replicas") != was.get("replicas"):
        return f"{called} wants {is_.get('replicas')} replicas, before {was.get('replicas')}"
    return f"{called} is changed" if is_["print"] != was["print"] else ""


def _name(kind: Kind, found: Mapping[str, Any]) -> str:
    metadata = found["metadata"]
    inside = f"{metadata.get('namespace')}/" if kind.namespaced else ""
    return f"{kind.said}/{inside}{metadata['name']}"


def _entry(kind: Kind, found: Mapping[str, Any]) -> Entry:
    spec = found.get("spec")
    spec = spec if isinstance(spec, Mapping) else {}
    text = json.dumps(kinds.wanted(kind, found), sort_keys=True, default=str)
    entry: Entry = {"plural": kind.plural, "print": hashlib.sha256(text.encode()).hexdigest()[:16]}
    if kind.said == "node" and spec.get("unschedulable"):
        entry["cordoned"] = True
    if isinstance(spec.get("replicas"), int) and kind.namespaced:
        entry["replicas"] = spec["replicas"]
    if by := _writers(found["metadata"]):
        entry["by"] = by
    if _leaves(found):
        metadata = found["metadata"]
        path = f"{kind.path(metadata.get('namespace'))}/{metadata['name']}"
        entry |= {"path": path, "uid": metadata["uid"], "held": metadata.get("finalizers") or []}
    return entry


def _leaves(found: Mapping[str, Any]) -> bool:
    return bool(found["metadata"].get("deletionTimestamp"))


def _writers(metadata: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Who wrote it and when, by the API's own account, in seconds of the epoch; whoever only reports its status does not count."""
    from datetime import datetime

    entries = [e for e in metadata.get("managedFields") or () if e.get("subresource") != "status" and e.get("time")]
    return [(str(e.get("manager")), datetime.fromisoformat(e["time"]).timestamp()) for e in entries]


def _group(kind: Kind) -> str:
    parts = kind.base.split("/")
    return parts[2] if parts[1] == "apis" else ""


class _Lists:
    """The API's lists as plain JSON, several at once."""

    def __init__(self, cluster: Cluster) -> None:
        self._api = cluster.core.api_client
        self._timeout_s = DEADLINE_S / 2

    def read(self, path: str, accept: str = "application/json") -> dict[str, Any]:
        """One answer. Raises ApiException, and what the network raises."""
        found = self._api.call_api(
            path,
            "GET",
            header_params={"Accept": accept},
            auth_settings=["BearerToken"],
            response_type="object",
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=self._timeout_s,
        )
        answer: dict[str, Any] = json.loads(found.data)
        return answer

    def customs(self, groups: Mapping[str, Any]) -> list[Kind]:
        """The kinds of custom objects; of a group that does not answer there are none to be seen."""
        found: list[Kind] = []
        for group, version in kinds.custom(groups):
            answer, _ = _tried(lambda g=group, v=version: self.read(f"/apis/{g}/{v}"))
            found += kinds.of_group(group, version, answer or {})
        return found

    def all(
        self, wanted: Iterable[Kind], namespaces: Sequence[str] | None, until: float
    ) -> Iterable[tuple[Kind, list[dict[str, Any]], str]]:
        """(kind, items, trouble) of each list; in no order."""
        few = namespaces is not None and len(namespaces) <= MOST_SPACES
        asked = [(k, s) for k in wanted for s in (namespaces if few and namespaces and k.namespaced else [None])]
        asked = [(k, s) for k, s in asked if not (few and k.namespaced and s is None)]
        pool = ThreadPoolExecutor(AT_ONCE)
        calls: dict[Future[Any], Kind] = {pool.submit(_tried, lambda k=k, s=s: self._listed(k, s)): k for k, s in asked}
        done, late = wait(calls, timeout=max(0.1, until - time.monotonic()))
        pool.shutdown(wait=False, cancel_futures=True)
        for call in done:
            items, trouble = call.result()
            inside = [i for i in items or () if few or namespaces is None or _space(i) in (None, *namespaces)]
            yield calls[call], inside, trouble
        yield from ((calls[call], [], "no answer in time") for call in late)

    def _listed(self, kind: Kind, namespace: str | None) -> list[dict[str, Any]]:
        plain = "application/json"
        accept = f"{plain};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{plain}" if kind.light else plain
        return list(self.read(kind.path(namespace), accept).get("items") or ())


def _space(found: Mapping[str, Any]) -> str | None:
    """None of an object that is in no namespace."""
    space = found["metadata"].get("namespace")
    return None if space is None else str(space)


def _tried(call: Any) -> tuple[Any, str]:
    """Its answer, or why there is none; nothing and no reason where the kind is not served."""
    from kubernetes.client.rest import ApiException

    from runner.faults.kubernetes.client import TROUBLES

    try:
        return call(), ""
    except ApiException as problem:
        reasons = {404: "", 403: "not allowed", 401: "not allowed"}
        return None, reasons.get(problem.status or 0, f"HTTP {problem.status}")
    except (*TROUBLES, ValueError) as problem:
        return None, type(problem).__name__
