"""What an SRE should know before a drain: budgets that let nobody go, the last node of a zone, pods that have no twin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner.faults.kubernetes import node_pods
from runner.faults.kubernetes.node_pods import Pod, called

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

Node = Mapping[str, Any]


def of_drain(cluster: Cluster, nodes: Sequence[Node], going: Sequence[Pod]) -> Iterator[str]:
    """A phrase each, the gravest first."""
    yield from _budgets(cluster, going)
    yield from _last(cluster, nodes)
    yield from _alone(cluster, going)


def of_failure(cluster: Cluster, nodes: Sequence[Node], going: Sequence[Pod]) -> Iterator[str]:
    """Of a zone that fails: nobody asks a budget then, and traffic is led away sooner than from nodes that lose their power."""
    yield "disruption budgets are not asked, as none would be"
    yield from _alone(cluster, going)


def _budgets(cluster: Cluster, going: Sequence[Pod]) -> Iterator[str]:
    for space in _spaces(going):
        listed = cluster.read(f"/apis/policy/v1/namespaces/{space}/poddisruptionbudgets") or {}
        budgets = list(listed.get("items") or ())
        here = [pod for pod in going if pod["metadata"]["namespace"] == space]
        speaking = {called(pod): [b for b in budgets if selects(b["spec"].get("selector"), pod)] for pod in here}
        for budget in budgets:
            waiting = [pod for pod, of in speaking.items() if of == [budget]]
            allowed = int((budget.get("status") or {}).get("disruptionsAllowed") or 0)
            if len(waiting) > allowed:
                yield _tight(f"{space}/{budget['metadata']['name']}", allowed, waiting)
        for pod, of in speaking.items():
            if len(of) > 1:
                names = " and ".join(b["metadata"]["name"] for b in of)
                yield f"{pod} cannot be evicted: the budgets {names} both speak of it, which the eviction API refuses"


def _tight(budget: str, allowed: int, waiting: Sequence[str]) -> str:
    if allowed == 0:
        return f"the disruption budget {budget} lets no pod go now: {', '.join(waiting)} will block the drain"
    return f"the disruption budget {budget} lets {allowed} of {len(waiting)} pods go at a time"


def _last(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[str]:
    going = {n["name"] for n in nodes}
    open_zones = {n["zone"] for n in cluster.nodes() if n["name"] not in going and n["ready"] and not n["cordoned"]}
    if not open_zones:
        yield "no other node takes pods: they stay Pending until the node is free again"
        return
    for zone in sorted({n["zone"] for n in nodes} - open_zones - {""}):
        yield f"no node of {zone} is left that takes pods"


def _alone(cluster: Cluster, going: Sequence[Pod]) -> Iterator[str]:
    for space in _spaces(going):
        listed = cluster.read(f"/api/v1/namespaces/{space}/pods") or {}
        counts = Counter((node_pods.owner(pod) or {}).get("uid") for pod in listed.get("items") or ())
        mine = [pod for pod in going if pod["metadata"]["namespace"] == space]
        alone = [called(pod) for pod in mine if (of := node_pods.owner(pod)) and counts[of["uid"]] == 1]
        if alone:
            yield f"without a second replica: {', '.join(alone)}"


def _spaces(pods: Sequence[Pod]) -> list[str]:
    return sorted({pod["metadata"]["namespace"] for pod in pods})


def selects(selector: Mapping[str, Any] | None, pod: Pod) -> bool:
    """Whether a label selector of the API takes a pod: an empty one takes all, none takes nobody."""
    if selector is None:
        return False
    labels = pod["metadata"].get("labels") or {}
    named = all(labels.get(k) == v for k, v in (selector.get("matchLabels") or {}).items())
    return named and all(_meets(rule, labels) for rule in selector.get("matchExpressions") or ())


def _meets(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(str(rule["key"])), rule.get("values") or ()
    operators = {"In": value in values, "NotIn": value not in values, "Exists": value is not None}
    return operators.get(str(rule["operator"]), value is None)
