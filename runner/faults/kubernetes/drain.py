"""Draining: nodes are cordoned and emptied as `kubectl drain` does it, with an end to every wait; a zone that fails goes without asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import errors, units
from runner.faults import identity
from runner.faults.driver import FaultTarget, UndoStep
from runner.faults.kubernetes import cordon, drain_facts, node_pods
from runner.faults.kubernetes.node_pods import Allowed, Pod, Sorted
from runner.faults.kubernetes.signatures import Arguments

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster
    from runner.faults.kubernetes.eviction import Left

ZONE = "topology.kubernetes.io/zone"
WITHIN_S = 60.0
LONGEST_S = 3600.0
Node = Mapping[str, Any]


def nodes_drained(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """Whom `drain_nodes` empties, and what would block it. Raises EnvironmentFailure where it would do nothing at all."""
    if not (arguments.get("name") or arguments.get("label_selector")):
        return FaultTarget(action=action, kind="drain", note="it names no node: name or label_selector")
    nodes = cluster.nodes(arguments.get("name"), arguments.get("label_selector"))
    return _target(cluster, action, nodes, arguments, drain_facts.of_drain)


def zone_failed(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """Whom `fail_zone` cuts off. Raises EnvironmentFailure where no other zone takes pods."""
    return _target(cluster, action, _of_zone(cluster, arguments), arguments, _facts_of_failure)


def _facts_of_failure(cluster: Cluster, nodes: Sequence[Node], going: Sequence[Pod]) -> Iterable[str]:
    _require_another(cluster, nodes, going)
    return drain_facts.of_failure(cluster, nodes, going)


def nodes_freed(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """Whom `uncordon_nodes` frees: nodes that this run has cordoned."""
    nodes = cluster.nodes(arguments.get("name"), arguments.get("label_selector"))
    ours = [n["name"] for n in nodes if n["cordoned"] and cordon.run_of(cluster, n["name"]) == identity.run_id()]
    targets = tuple(f"node/{n}" for n in ours)
    return FaultTarget(
        action=action, kind="freed", targets=targets, note=f"{len(ours)} cordons of this run", before={"closed": ours}
    )


def _target(
    cluster: Cluster,
    action: str,
    nodes: Sequence[Node],
    arguments: Arguments,
    facts: Callable[[Cluster, Sequence[Node], Sequence[Pod]], Iterable[str]],
) -> FaultTarget:
    names = tuple(n["name"] for n in nodes)
    found = node_pods.sort(cluster, names, _allowed(arguments))
    _require_allowed(found)
    told = [f"{_counted(len(names), 'node')}, {_counted(len(found.going), 'pod')} to go"]
    told += facts(cluster, nodes, found.going) if found.going else ()
    ours = [n["name"] for n in nodes if not n["cordoned"]]
    uids = {n: [p["metadata"]["uid"] for p in found.going if p["spec"]["nodeName"] == n] for n in names}
    return FaultTarget(
        action=action,
        kind="drain",
        targets=tuple(f"node/{n}" for n in names) if found.going else (),
        note="; ".join((*told, *_kept(found))),
        scopes=tuple(sorted({p["metadata"]["namespace"] for p in found.going})),
        owner="undoer",
        # Somebody else's cordon stays: only nodes that were free before are ours to free, also those that pods come to only now.
        undo=tuple(UndoStep(kind="uncordon", what=f"uncordon node {n}", args={"node": n, "noted": True}) for n in ours),
        before={"free": ours, "pods": uids},
    )


def drain(cluster: Cluster, nodes: Sequence[Node], arguments: Arguments) -> dict[str, Any]:
    """Cordon and evict. Raises EnvironmentFailure for whatever is still there when the time is up."""
    from runner.faults.kubernetes import eviction

    return _empty(cluster, nodes, arguments, eviction.evict)


def cut_off(cluster: Cluster, arguments: Arguments) -> dict[str, Any]:
    """Cordon a whole zone and end its pods with next to no grace. Raises EnvironmentFailure as `drain` does."""
    from runner.faults.kubernetes import eviction

    nodes = _of_zone(cluster, arguments)
    if not nodes:
        raise errors.EnvironmentFailure(f"no node has the label {_zone_label(arguments)}: nothing was cut off")
    return _empty(cluster, nodes, arguments, eviction.cut_off, _require_another)


def _empty(
    cluster: Cluster,
    nodes: Sequence[Node],
    arguments: Arguments,
    end: Callable[[Cluster, Sequence[Pod], float], list[Left]],
    require: Callable[[Cluster, Sequence[Node], Sequence[Pod]], None] = lambda *_: None,
) -> dict[str, Any]:
    """Who goes is asked before the cordon, so that nothing is changed in vain, and again after it: until then pods were still let in."""
    names, within_s = [n["name"] for n in nodes], seconds(arguments.get("timeout", WITHIN_S))
    require(cluster, nodes, _sorted(cluster, names, arguments).going)
    run = identity.run_id()
    closed = [name for name in names if cordon.close(cluster, name, run)]
    found = _sorted(cluster, names, arguments)
    left = end(cluster, found.going, within_s)
    _require_gone(left, names, within_s)
    return {"nodes": names, "cordoned": closed, "gone": [one.pod for one in left], "left": list(found.staying)}


def _sorted(cluster: Cluster, names: Sequence[str], arguments: Arguments) -> Sorted:
    """Raises EnvironmentFailure where one is there that must not go, or none that would."""
    found = node_pods.sort(cluster, names, _allowed(arguments))
    _require_allowed(found)
    if not found.going:
        kept = f": {'; '.join(_kept(found))}" if found.staying else ""
        raise errors.EnvironmentFailure(f"there is no pod on {', '.join(names)} that would go{kept}")
    return found


def seconds(given: Any) -> float:
    """A time-out as people write it: 60, `60s`, `2m`. Raises EnvironmentFailure for one that would never end."""
    try:
        found = float(given) if isinstance(given, int | float) else units.parse_duration(_with_unit(str(given)))
    except ValueError as problem:
        raise errors.EnvironmentFailure(f"timeout: {problem}") from None
    if not 0 < found <= LONGEST_S:
        longest = units.format_duration(LONGEST_S)
        raise errors.EnvironmentFailure(
            f"timeout: {given} is not between 0 and {longest}: a drain has to come to an end"
        )
    return found


def _with_unit(text: str) -> str:
    return f"{text}s" if text.replace(".", "", 1).isdigit() else text


def _allowed(arguments: Arguments) -> Allowed:
    given = {name: arguments[name] for name in Allowed.__dataclass_fields__ if name in arguments}
    return Allowed(**{name: value is True or str(value).lower() == "true" for name, value in given.items()})


def _require_allowed(found: Sorted) -> None:
    if found.forbidden:
        raise errors.EnvironmentFailure(f"nothing is evicted: {'; '.join(found.forbidden)}")


def _require_gone(left: Sequence[Left], nodes: Sequence[str], within_s: float) -> None:
    blocked = [f"{one.pod}: {one.why}" for one in left if not one.gone]
    if blocked:
        gone = len(left) - len(blocked)
        raise errors.EnvironmentFailure(
            f"{gone} of {len(left)} pods left {', '.join(nodes)} within {units.format_duration(within_s)}; "
            f"what did not: {'; '.join(blocked)}"
        )


def _of_zone(cluster: Cluster, arguments: Arguments) -> list[dict[str, Any]]:
    return cluster.nodes(None, _zone_label(arguments)) if arguments.get("zone") else []


def _zone_label(arguments: Arguments) -> str:
    return f"{ZONE}={arguments.get('zone')}"


def _require_another(cluster: Cluster, nodes: Sequence[Node], going: Sequence[Pod]) -> None:
    others = drain_facts.elsewhere(cluster, nodes)
    if which := drain_facts.without_place(others, going):
        told = "; ".join(f"{node['name']}: {drain_facts.why_closed(node)}" for node in others)
        raise errors.EnvironmentFailure(
            f"no node outside of this zone takes {which} ({told or 'there is no other node'}): "
            "cutting it off would leave them without a place, which tests nothing of the service"
        )


def _kept(found: Sorted) -> tuple[str, ...]:
    return (f"left where they are: {', '.join(found.staying)}",) if found.staying else ()


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
