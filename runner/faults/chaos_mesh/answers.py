"""Answers: how pods answer HTTP through the API server: later than before under a delay, with another date under another clock.

This sees a fault only where it strikes all that a pod sends: one that is limited to the traffic with certain others leaves the API server
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from runner.faults.chaos_mesh.wanted import Wanted
from runner.faults.cluster_api import ClusterApi, troubles
from runner.units import parse_duration

ASKS = 3
"""How often a pod is asked in one look: one late answer alone says nothing."""
Answers = Mapping[str, float]
"""`{seconds, offset_s}`: how long it takes, and how far its clock is from ours."""
SAID = {"seconds": "answers after {:.3f} s", "offset_s": "says a date {:.0f} s from ours"}


def expected(fault: Wanted) -> dict[str, float] | None:
    """By how much its answers would change; None where nothing of it would show in them."""
    spec = fault.spec
    if fault.kind == "TimeChaos":
        return _change("offset_s", str(spec.get("timeOffset")))
    filtered = spec.get("target") or spec.get("externalTargets")
    if fault.kind == "NetworkChaos" and fault.action == "delay" and not filtered:
        return _change("seconds", str((spec.get("delay") or {}).get("latency")))
    return None


def of_pods(cluster: ClusterApi, pods: Iterable[Mapping[str, Any]]) -> dict[str, Answers]:
    """By `namespace/pod`; one that has no port, or does not answer, is left out."""
    found = {f"{p['metadata']['namespace']}/{p['metadata']['name']}": _of(cluster, p) for p in pods}
    return {name: answers for name, answers in found.items() if answers}


def changed(before: Answers, now: Answers | None, by: Answers) -> bool:
    """Whether they have changed by at least half of what is expected, the same way."""
    return now is not None and all((now[k] - before[k]) / amount >= 0.5 for k, amount in by.items())


def said(answers: Answers | None, of: Iterable[str]) -> str:
    """`answers after 0.312 s`."""
    return " and ".join(SAID[key].format(answers[key]) for key in of) if answers else "does not answer"


def _of(cluster: ClusterApi, pod: Mapping[str, Any]) -> Answers | None:
    ports = [p for c in pod["spec"]["containers"] for p in c.get("ports") or () if p.get("protocol", "TCP") == "TCP"]
    if not ports:
        return None
    of = pod["metadata"]
    path = f"/api/v1/namespaces/{of['namespace']}/pods/{of['name']}:{ports[0]['containerPort']}/proxy/"
    try:
        found = [cluster.answer(path) for _ in range(ASKS)]
    except troubles():
        return None
    return {"seconds": median(f.seconds for f in found), "offset_s": median(f.offset_s for f in found)}


def _change(key: str, text: str) -> dict[str, float] | None:
    try:
        amount = parse_duration(text.lstrip("+-")) * (-1 if text.startswith("-") else 1)
    except ValueError:
        return None
    return {key: amount} if amount else None
