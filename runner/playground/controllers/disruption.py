"""Pod disruption budgets: how many pods may be evicted right now."""

from __future__ import annotations

import copy
from typing import Any

from runner.playground import conditions, kinds, selection, store
from runner.playground.controllers import deployments

DISRUPTED_S = 120
"""How long an eviction that has not deleted its pod still counts."""


def sync(held: store.ObjectStore) -> None:
    """One turn for each budget."""
    for budget in held.list(kinds.BUDGET):
        fresh = copy.deepcopy(budget)
        fresh["status"] = state(held, budget)
        held.update(fresh)


def state(held: store.ObjectStore, budget: kinds.Object) -> dict[str, Any]:
    """The status of a budget: who is healthy, how many must be, how many may go."""
    pods = covered_pods(held, budget)
    expected = _expected(held, pods, budget)
    desired = _desired(budget["spec"], expected)
    gone = {
        name: at
        for name, at in (budget["status"].get("disruptedPods") or {}).items()
        if conditions.age_s(at) < DISRUPTED_S
        and any(p["metadata"]["name"] == name and not conditions.leaving(p) for p in pods)
    }
    healthy = sum(conditions.ready(p) and not conditions.leaving(p) and p["metadata"]["name"] not in gone for p in pods)
    allowed = max(0, healthy - desired) if expected else 0
    status: dict[str, Any] = {
        "conditions": copy.deepcopy(budget["status"].get("conditions", [])),
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
        "observedGeneration": budget["metadata"]["generation"],
    }
    if gone:
        status["disruptedPods"] = gone
    reason = "SufficientPods" if allowed else "InsufficientPods"
    seen = budget["metadata"]["generation"]
    conditions.put(status, "DisruptionAllowed", str(allowed > 0), reason=reason, message="", observedGeneration=seen)
    return status


def covered_pods(held: store.ObjectStore, budget: kinds.Object) -> list[kinds.Object]:
    """The pods a budget speaks of."""
    pods = held.list(kinds.POD, budget["metadata"]["namespace"])
    chosen = budget["spec"].get("selector")
    return [p for p in pods if not conditions.is_finished(p) and selection.selects(chosen, p["metadata"].get("labels"))]


def _expected(held: store.ObjectStore, pods: list[kinds.Object], budget: kinds.Object) -> int:
    """With an absolute minimum the pods there are; otherwise what their controllers want."""
    if isinstance(budget["spec"].get("minAvailable"), int):
        return len(pods)
    owners = {o["uid"]: o for o in map(kinds.controller_of, pods) if o}
    wanted = 0
    for owner in owners.values():
        kind = kinds.BY_NAME[owner["apiVersion"], owner["kind"]]
        found = held.get(kind, budget["metadata"]["namespace"], owner["name"])
        above = kinds.controller_of(found) if found else None
        if above is not None:
            found = held.get(
                kinds.BY_NAME[above["apiVersion"], above["kind"]], budget["metadata"]["namespace"], above["name"]
            )
        wanted += (found or {"spec": {}})["spec"].get("replicas", 0)
    return wanted


def _desired(spec: dict[str, Any], expected: int) -> int:
    if "maxUnavailable" in spec:
        return max(0, expected - deployments.share(spec["maxUnavailable"], expected, up=True))
    return deployments.share(spec.get("minAvailable", 1), expected, up=True)
