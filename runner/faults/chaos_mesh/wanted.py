"""Wanted: the object that an action asks Chaos Mesh for, and what is refused before anything is asked of a cluster.

Chaos Mesh takes an empty selector for every pod of the namespace, an empty target for any pod of it, and a fault without a duration
for one that never ends: here these are errors. Its clock starts when the object is made, not when the fault is in effect, so what the
injection may take is added to the duration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner import errors
from runner.faults import identity
from runner.units import parse_duration

NAME = "chaos-mesh"
"""Of the driver, and of its undo records."""
API = "chaos-mesh.org/v1alpha1"
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "PodChaos": ("pod-kill", "pod-failure", "container-kill"),
    "NetworkChaos": ("delay", "loss", "duplicate", "corrupt", "partition", "bandwidth", "netem"),
    "StressChaos": (),
    "DNSChaos": ("error", "random"),
    "TimeChaos": (),
    "IOChaos": ("latency", "fault", "attrOverride", "mistake"),
    "HTTPChaos": (),
}
"""The kinds that are injected here, each with its actions where it has any."""
ONCE = ("pod-kill", "container-kill")
"""Actions that are over when they are done: they have no duration."""
WITHIN_S = 15.0
"""How long the injection may take where the file does not say."""
NEEDS: Mapping[str, tuple[str, str]] = {
    "container-kill": ("containerNames", "the containers to kill"),
    "TimeChaos": ("timeOffset", "by how much, for example -1h"),
    "DNSChaos": ("patterns", "the names that are not to be resolved"),
}
"""What of a spec an action or a kind cannot do without."""
HINT = "see https://chaos-mesh.org/docs for the fields of its spec"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One fault, as its object will be."""

    kind: str
    action: str
    """Of its spec; empty for a kind that has none."""
    namespace: str
    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    within_s: float = WITHIN_S
    ttl_s: float | None = None
    """After how many seconds Chaos Mesh ends it by itself; None for one that is over when it is done."""

    @property
    def plural(self) -> str:
        """Of its kind, in paths of the API."""
        return self.kind.lower()

    @property
    def said(self) -> str:
        """`networkchaos/shop/NAME`."""
        return f"{self.plural}/{self.namespace}/{self.name}"

    def body(self, run: str) -> dict[str, Any]:
        """The object as it is created."""
        labels = {identity.LABEL: run}
        metadata = {"name": self.name, "namespace": self.namespace, "labels": labels}
        return {"apiVersion": API, "kind": self.kind, "metadata": metadata, "spec": dict(self.spec)}


def read(run: str, arguments: Mapping[str, Any]) -> Wanted:
    """From the arguments of `inject`. Raises EnvironmentFailure for what is not to be asked of any cluster."""
    kind, spec = str(arguments.get("kind")), arguments.get("spec")
    if kind not in ACTIONS:
        raise _no(f"it does not inject {kind!r}", f"the kinds are {', '.join(ACTIONS)}")
    if not isinstance(spec, Mapping):
        raise _no(f"the spec of a {kind} is missing", HINT)
    action = str(spec.get("action") or "")
    if ACTIONS[kind] and action not in ACTIONS[kind]:
        raise _no(f"a {kind} has no action {action!r}", f"its actions are {', '.join(ACTIONS[kind])}")
    _refuse(kind, action, spec)
    within_s = _seconds("within", arguments.get("within") or WITHIN_S)
    lasts_s = _lasts(kind, action, spec, arguments.get("duration"))
    space = str(arguments.get("ns") or "default")
    ttl_s = None if lasts_s is None else math.ceil(lasts_s + within_s)
    return Wanted(
        kind=kind,
        action=action,
        namespace=space,
        name=identity.name(run, {"kind": kind, "spec": spec, "ns": space, "lasts_s": lasts_s, "within_s": within_s}),
        spec={**spec, **({} if ttl_s is None else {"duration": f"{ttl_s}s"})},
        within_s=within_s,
        ttl_s=ttl_s,
    )


def _refuse(kind: str, action: str, spec: Mapping[str, Any]) -> None:
    """What Chaos Mesh would take, and strike more or elsewhere than anybody wanted."""
    if "remoteCluster" in spec:
        raise _no("remoteCluster strikes another cluster than the one that was cleared", "run it with that context")
    _selector("selector", spec.get("selector"))
    if not spec.get("mode"):
        raise _no("the spec has no mode", "how many of the selected pods: one, all, fixed, fixed-percent (with value)")
    if "target" in spec and kind == "NetworkChaos":
        target = spec["target"]
        if not isinstance(target, Mapping) or not target.get("mode"):
            raise _no("an empty target means one pod of the namespace", "leave it out, or give it mode and selector")
        _selector("target.selector", target.get("selector"))
    elif spec.get("direction") in ("from", "both"):
        raise _no(f"direction {spec['direction']} needs a target", "name whose traffic it is: target: {mode, selector}")
    for about in (kind, action):
        key, what = NEEDS.get(about, ("", ""))
        if key and not spec.get(key):
            raise _no(f"a {about} needs {key}", f"name {what}")


def _selector(where: str, given: Any) -> None:
    if not isinstance(given, Mapping) or not given:
        raise _no(f"an empty {where} takes every pod of the namespace", "select by labelSelectors, or name pods")
    if empty := [key for key, value in given.items() if value in (None, "", {}, [])]:
        raise _no(f"{where}.{empty[0]} is empty, and would leave out nobody", "give it a value, or leave it out")


def _lasts(kind: str, action: str, spec: Mapping[str, Any], given: Any) -> float | None:
    if action in ONCE:
        return None
    if "duration" in spec:
        raise _no(
            "the spec has a duration of its own", "give it beside kind and spec: what the injection takes is added"
        )
    if not given:
        raise _no(f"a {action or kind} without a duration never ends", "give it a duration, for example 60s")
    return _seconds("duration", given)


def _seconds(key: str, given: Any) -> float:
    try:
        return float(given) if isinstance(given, int | float) else parse_duration(str(given))
    except ValueError as problem:
        raise _no(f"{key}: {problem}", "") from None


def _no(said: str, hint: str) -> errors.EnvironmentFailure:
    return errors.EnvironmentFailure(f"Chaos Mesh is not asked: {said}" + (f"; {hint}" if hint else ""))
