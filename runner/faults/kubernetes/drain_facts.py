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
MOST_NAMED = 3
"""Pods that a phrase names."""


def of_drain(cluster: Cluster, nodes: Sequence[Node], going: Sequence[Pod]) -> Iterator[str]:
    """A phrase each, the gravest first."""
    yield from _budgets(cluster, going)
    yield from _last(cluster, nodes, going)
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


def without_place(open_nodes: Sequence[Node], going: Sequence[Pod]) -> str:
    """Which of the pods that go none of these nodes takes: `pods` where none takes any, else by name; empty where all have a place."""
    lost = [called(pod) for pod in going if not any(_takes(node, pod) for node in open_nodes)]
    if lost and len(lost) == len(going):
        return "pods"
    more = len(lost) - MOST_NAMED
    return ", ".join(lost[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def why_closed(node: Node) -> str:
    """Why a node takes no pod, or none without a toleration; empty where it takes any."""
    if not node["ready"]:
        return "not ready"
    return "cordoned" if node["cordoned"] else ", ".join(f"taint {t['key']}:{t['effect']}" for t in node["taints"])


def elsewhere(cluster: Cluster, nodes: Sequence[Node]) -> list[Node]:
    """All nodes but these."""
    names = {n["name"] for n in nodes}
    return [node for node in cluster.nodes() if node["name"] not in names]


def _takes(node: Node, pod: Pod) -> bool:
    return node["ready"] and not node["cordoned"] and all(_tolerates(pod, taint) for taint in node["taints"])


def _tolerates(pod: Pod, taint: Mapping[str, str]) -> bool:
    """As the scheduler sees it: a toleration without an effect is for every effect, one without a key for every key."""
    return any(
        one.get("effect") in (None, "", taint["effect"])
        and one.get("key") in (None, "", taint["key"])
        and (one.get("operator") == "Exists" or (one.get("value") or "") == taint["value"])
        for one in pod["spec"].get("tolerations") or ()
    )


def _last(cluster: Cluster, nodes: Sequence[Node], going: Sequence[Pod]) -> Iterator[str]:
    others = elsewhere(cluster, nodes)
    if which := without_place(others, going):
        yield f"no other node takes {which}: they stay Pending until the node is free again"
        return
    for zone in sorted({n["zone"] for n in nodes} - {""}):
        if which := without_place([n for n in others if n["zone"] == zone], going):
            yield f"no node of {zone} is left that takes {which}"


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
