"""Deployments: a replica set for each template; a change of the template moves the pods over, no faster than the strategy allows."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

from runner.playground import conditions, defaults, events, kinds, store

REVISION = "deployment.kubernetes.io/revision"


def sync(held: store.ObjectStore) -> None:
    """One turn for each deployment."""
    for deployment in held.list(kinds.DEPLOYMENT):
        if not conditions.leaving(deployment):
            _Rollout(held, deployment).take()


def share(value: int | str | None, whole: int, *, up: bool) -> int:
    """An absolute number or a percentage of `whole`."""
    if isinstance(value, str) and value.endswith("%"):
        part = whole * int(value[:-1])
        return -(-part // 100) if up else part // 100
    return int(value or 0)


class _Rollout:
    """One look at one deployment and its replica sets."""

    def __init__(self, held: store.ObjectStore, deployment: kinds.Object) -> None:
        self.held, self.deployment, self.spec = held, deployment, deployment["spec"]
        self.wanted: int = self.spec["replicas"]
        meta = deployment["metadata"]
        owned = [s for s in held.list(kinds.REPLICA_SET, meta["namespace"]) if _owned_by(s, meta["uid"])]
        self.sets = sorted(owned, key=lambda s: int(s["metadata"]["annotations"].get(REVISION, "0")))

    def take(self) -> None:
        """Find or make the current set, scale, tidy, report."""
        if self.spec.get("paused"):
            return self._report(self._current())
        current = self._current() or self._create()
        old = [s for s in self.sets if s["metadata"]["uid"] != current["metadata"]["uid"]]
        self._revise(current, old)
        self._scale(current, [s for s in old if s["spec"]["replicas"] or s["status"].get("replicas")])
        self._tidy(old)
        return self._report(self._current())

    def _current(self) -> kinds.Object | None:
        template = _bare(self.spec["template"])
        name = next((s["metadata"]["name"] for s in self.sets if _bare(s["spec"]["template"]) == template), None)
        return name and self.held.get(kinds.REPLICA_SET, self.deployment["metadata"]["namespace"], name)

    def _create(self) -> kinds.Object:
        mark = _hash(self.spec["template"])
        meta, template = self.deployment["metadata"], copy.deepcopy(self.spec["template"])
        template["metadata"].setdefault("labels", {})["pod-template-hash"] = mark
        selector = copy.deepcopy(self.spec["selector"])
        selector.setdefault("matchLabels", {})["pod-template-hash"] = mark
        new: kinds.Object = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{mark}",
                "namespace": meta["namespace"],
                "labels": dict(template["metadata"]["labels"]),
                "annotations": self._annotations(self._next_revision()),
                "ownerReferences": [kinds.reference_to(self.deployment)],
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
            "status": {"replicas": 0},
        }
        if self.spec.get("minReadySeconds"):
            new["spec"]["minReadySeconds"] = self.spec["minReadySeconds"]
        created = self.held.create(new)
        self.sets.append(created)
        return created

    def _next_revision(self) -> int:
        return 1 + max((int(s["metadata"]["annotations"].get(REVISION, "0")) for s in self.sets), default=0)

    def _annotations(self, revision: int) -> dict[str, str]:
        skipped = ("kubectl.kubernetes.io/last-applied-configuration", REVISION)
        carried = {k: v for k, v in (self.deployment["metadata"].get("annotations") or {}).items() if k not in skipped}
        return carried | {
            "deployment.kubernetes.io/desired-replicas": str(self.wanted),
            "deployment.kubernetes.io/max-replicas": str(self.wanted + self._surge()),
            REVISION: str(revision),
        }

    def _revise(self, current: kinds.Object, old: list[kinds.Object]) -> None:
        """A rollback makes an old set the newest revision."""
        revision = int(current["metadata"]["annotations"].get(REVISION, "0"))
        newest = max((int(s["metadata"]["annotations"].get(REVISION, "0")) for s in old), default=0)
        if revision <= newest:
            revision = newest + 1
        fresh = copy.deepcopy(
            self.held.read(kinds.REPLICA_SET, current["metadata"]["namespace"], current["metadata"]["name"])
        )
        fresh["metadata"]["annotations"] = self._annotations(revision)
        self.held.update(fresh)
        mine = copy.deepcopy(self.deployment)
        mine["metadata"].setdefault("annotations", {})[REVISION] = str(revision)
        self.deployment = self.held.update(mine)

    def _surge(self) -> int:
        rolling = self.spec["strategy"].get("rollingUpdate")
        return share(rolling.get("maxSurge"), self.wanted, up=True) if rolling else 0

    def _missing(self) -> int:
        """How many may be unavailable; at least one when nothing may be surplus."""
        rolling = self.spec["strategy"].get("rollingUpdate") or {}
        missing = share(rolling.get("maxUnavailable"), self.wanted, up=False)
        return missing if missing or self._surge() else 1

    def _scale(self, current: kinds.Object, old: list[kinds.Object]) -> None:
        if not old:
            return self._resize(current, self.wanted)
        if self.spec["strategy"]["type"] == "Recreate":
            for leftover in old:
                self._resize(leftover, 0)
            if not any(s["status"].get("replicas") for s in old):
                self._resize(current, self.wanted)
            return None
        total = sum(s["spec"]["replicas"] for s in [current, *old])
        room = self.wanted + self._surge() - total
        if current["spec"]["replicas"] > self.wanted:
            self._resize(current, self.wanted)
        elif room > 0 and current["spec"]["replicas"] < self.wanted:
            self._resize(current, min(self.wanted, current["spec"]["replicas"] + room))
        return self._shrink(
            self.held.read(kinds.REPLICA_SET, current["metadata"]["namespace"], current["metadata"]["name"]), old
        )

    def _shrink(self, current: kinds.Object, old: list[kinds.Object]) -> None:
        """Take down old pods: first those that are not available anyway, then as many as may be missing."""
        fresh = current["spec"]["replicas"] - (current["status"].get("availableReplicas") or 0)
        total = sum(s["spec"]["replicas"] for s in [current, *old])
        spare = total - (self.wanted - self._missing()) - fresh
        for leftover in old:
            sick = leftover["spec"]["replicas"] - (leftover["status"].get("availableReplicas") or 0)
            fewer = min(leftover["spec"]["replicas"], max(0, spare, min(sick, spare)))
            if fewer > 0:
                self._resize(leftover, leftover["spec"]["replicas"] - fewer)
                spare -= fewer

    def _resize(self, chosen: kinds.Object, replicas: int) -> None:
        meta = chosen["metadata"]
        fresh = copy.deepcopy(self.held.read(kinds.REPLICA_SET, meta["namespace"], meta["name"]))
        before = fresh["spec"]["replicas"]
        if before == replicas:
            return
        fresh["spec"]["replicas"] = replicas
        self.held.update(fresh)
        way = "up" if replicas > before else "down"
        said = f"Scaled {way} replica set {meta['name']} from {before} to {replicas}"
        events.record(self.held, self.deployment, "ScalingReplicaSet", said, "deployment-controller")

    def _tidy(self, old: list[kinds.Object]) -> None:
        done = [s for s in old if not s["spec"]["replicas"] and not s["status"].get("replicas")]
        for leftover in done[: max(0, len(done) - self.spec["revisionHistoryLimit"])]:
            self.held.remove(leftover)

    def _report(self, current: kinds.Object | None) -> None:
        meta = self.deployment["metadata"]
        fresh = copy.deepcopy(self.held.read(kinds.DEPLOYMENT, meta["namespace"], meta["name"]))
        sets = [s for s in self.held.list(kinds.REPLICA_SET, meta["namespace"]) if _owned_by(s, meta["uid"])]
        counts = {
            key: sum(s["status"].get(key) or 0 for s in sets)
            for key in ("replicas", "readyReplicas", "availableReplicas")
        }
        counts["updatedReplicas"] = (current["status"].get("replicas") or 0) if current else 0
        counts["unavailableReplicas"] = max(0, max(self.wanted, counts["replicas"]) - counts["availableReplicas"])
        kept = {
            "conditions": fresh["status"].get("conditions", []),
            "observedGeneration": fresh["metadata"]["generation"],
        }
        fresh["status"] = {k: v for k, v in counts.items() if v} | kept
        _say(fresh["status"], counts, self.wanted, self.wanted - self._missing(), current)
        self.held.update(fresh)


def _say(
    status: dict[str, Any], counts: dict[str, int], wanted: int, needed: int, current: kinds.Object | None
) -> None:
    """The Available and Progressing conditions."""
    if counts["availableReplicas"] >= needed:
        said = {"reason": "MinimumReplicasAvailable", "message": "Deployment has minimum availability."}
        _put(status, "Available", "True", said)
    else:
        said = {"reason": "MinimumReplicasUnavailable", "message": "Deployment does not have minimum availability."}
        _put(status, "Available", "False", said)
    if current is None:
        return
    name = current["metadata"]["name"]
    if counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == wanted:
        done = {"reason": "NewReplicaSetAvailable", "message": f'ReplicaSet "{name}" has successfully progressed.'}
        _put(status, "Progressing", "True", done)
    elif not any(c["type"] == "Progressing" and name in c["message"] and c["reason"] == "NewReplicaSetAvailable"
                 for c in status["conditions"]):  # fmt: skip
        _put(
            status,
            "Progressing",
            "True",
            {"reason": "ReplicaSetUpdated", "message": f'ReplicaSet "{name}" is progressing.'},
        )


def _put(status: dict[str, Any], type: str, value: str, said: dict[str, str]) -> None:
    held: dict[str, str] = next((c for c in status["conditions"] if c["type"] == type), {})
    same = (
        held.get("status") == value and held.get("reason") == said["reason"] and held.get("message") == said["message"]
    )
    conditions.put(status, type, value, lastUpdateTime=held["lastUpdateTime"] if same else store.now(), **said)


def _owned_by(found: kinds.Object, uid: str) -> bool:
    owner = kinds.controller_of(found)
    return owner is not None and owner["uid"] == uid


def _bare(template: dict[str, Any]) -> dict[str, Any]:
    """A template without the label that marks its hash."""
    bare = copy.deepcopy(template)
    labels = bare.get("metadata", {}).get("labels") or {}
    labels.pop("pod-template-hash", None)
    return bare


def _hash(template: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(defaults.ALPHABET[byte % len(defaults.ALPHABET)] for byte in digest[:10])
