"""Chaos Mesh: one object is one fault, struck by our driver with the object's own spec; a Schedule is what it would have made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.conversion import workflow
from runner.conversion.draft import Activity, Draft, action, duration_s
from runner.conversion.fields import Field

API = "chaos-mesh.org/v1alpha1"
MODULE, FUNC, END = "runner.faults.chaos_mesh.actions", "inject", "end"
_POD = {"selector", "mode", "value", "duration", "remoteCluster"}
_CONTAINER = _POD | {"containerNames"}
SPECS: Mapping[str, set[str]] = {
    "PodChaos": _CONTAINER | {"action", "gracePeriod"},
    "NetworkChaos": _POD
    | {"action", "delay", "loss", "duplicate", "corrupt", "bandwidth", "rate", "direction", "target", "externalTargets"}
    | {"device", "targetDevice", "partitionBehavior"},
    "StressChaos": _CONTAINER | {"stressors", "stressngStressors"},
    "DNSChaos": _CONTAINER | {"action", "patterns"},
    "IOChaos": _CONTAINER | {"action", "volumePath", "path", "methods", "percent", "delay", "errno", "attr", "mistake"},
    "HTTPChaos": _POD
    | {"target", "port", "path", "method", "code", "request_headers", "response_headers", "abort", "delay"}
    | {"replace", "patch", "tls"},
    "TimeChaos": _CONTAINER | {"timeOffset", "clockIds"},
}
"""The fields of each kind in its custom resource definition: what is in none, the API server drops without a word."""
OTHERS = (
    *("AWSChaos", "AzureChaos", "GCPChaos", "BlockChaos", "JVMChaos", "KernelChaos"),
    *("PhysicalMachineChaos", "PhysicalMachine", "RemoteCluster", "StatusCheck"),
)
"""Kinds that nothing here can strike, or that strike nothing."""
LABELS = ("app.kubernetes.io/name", "app", "k8s-app")
"""Labels whose value is what people call the service."""
ASSUMED_S = 60.0
WITHIN_S = 15
"""What `inject` leaves to an injection where nothing is said."""


def claims(tree: Any) -> bool:
    """Whether a document is an object of Chaos Mesh."""
    return isinstance(tree, dict) and str(tree.get("apiVersion", "")).startswith("chaos-mesh.org/")


def convert(root: Field) -> Draft:
    """An object, a Schedule or a Workflow. Raises BrokenExperiment for one that strikes nothing that we can strike."""
    if root["apiVersion"].text() != API:
        root["apiVersion"].refuse(f"only {API} is known here")
    kind, spec = root["kind"].text(), root["spec"]
    name, ns = _identity(root)
    described = f"Converted from the {kind} {ns}/{name} of Chaos Mesh."
    if kind == "Schedule":
        kind, spec = _scheduled(spec)
    if kind == "Workflow":
        steps = workflow.read(spec, inject)
        method, probes = workflow.method(steps, ns), steps.probes
    else:
        method, probes = (inject(spec, kind, name, ns, spec["duration"].text()),), ()
    return Draft(
        name=name,
        title=name,
        description=described,
        tags=("chaos-mesh", "kubernetes"),
        method=distinct(method),
        probes=probes,
        rollbacks=(end(ns),),
        block=service(method) | (steps.block if kind == "Workflow" else {}),
        url=steps.url if kind == "Workflow" else "",
    )


def inject(spec: Field, kind: str, name: str, ns: str, duration: str) -> Activity:
    """The action of one fault. Raises BrokenExperiment for a kind without a driver."""
    check_kind(spec, kind)
    if spec["remoteCluster"]:
        hint = "without remoteCluster, and with the context of that cluster"
        spec["remoteCluster"].refuse("it strikes another cluster than the one that is cleared", hint)
    one_shot = kind == "PodChaos" and spec["action"].value in workflow.ONE_SHOT
    arguments: dict[str, Any] = {"kind": kind, "ns": ns}
    lasts_s = duration_s(duration) if duration else None
    if duration and lasts_s is None:
        spec["duration"].refuse(f"{duration!r} is not a duration", "write for example 30s or 1m30s")
    if one_shot:
        spec["duration"].lose("a kill is over at once")
        return action(name, MODULE, FUNC, arguments | {"spec": _spec(spec, kind)})
    if not duration:
        lasts_s, duration = ASSUMED_S, f"{ASSUMED_S:g}s"
        spec["duration"].assume(duration, f"without it the fault has no end; {duration} is put in its place: change it")
    return action(name, MODULE, FUNC, arguments | {"duration": duration, "spec": _spec(spec, kind)}, lasts_s=lasts_s)


def distinct(method: tuple[Activity, ...]) -> tuple[Activity, ...]:
    """The same with no two alike: `inject` names what it makes by its arguments, and the second of a name is refused in a run."""
    found: list[Activity] = []
    for nth, one in enumerate(method):
        alike = sum(one["provider"] == other["provider"] for other in method[:nth])
        arguments = one["provider"]["arguments"] | ({"within": f"{WITHIN_S + alike}s"} if alike else {})
        found.append({**one, "provider": {**one["provider"], "arguments": arguments}})
    return tuple(found)


def end(ns: str) -> Activity:
    """The rollback of what `inject` made in a namespace."""
    return action(f"end-the-faults-in-{ns}", MODULE, END, {"ns": ns})


def check_kind(spec: Field, kind: str) -> None:
    """Raises BrokenExperiment for a kind without a driver."""
    if kind not in SPECS:
        hint = f"these are converted: {', '.join(SPECS)}, Schedule and Workflow of them"
        what = (
            "strikes nothing by itself"
            if kind in ("StatusCheck", "RemoteCluster", "PhysicalMachine")
            else "has no driver here"
        )
        spec.refuse(f"a {kind} {what}" if kind in OTHERS else f"Chaos Mesh has no kind {kind!r}", hint)


def service(method: tuple[Activity, ...]) -> dict[str, Any]:
    """The service by the label of the first fault's targets that names one."""
    for one in method:
        selector = one["provider"]["arguments"].get("spec", {}).get("selector")
        labels = selector.get("labelSelectors") if isinstance(selector, dict) else None
        for key in LABELS:
            if isinstance(labels, dict) and isinstance(labels.get(key), str):
                return {"service": labels[key]}
    return {}


def _identity(root: Field) -> tuple[str, str]:
    meta = root["metadata"]
    name = meta["name"].text() or meta["generateName"].text().rstrip("-")
    if not name:
        name = meta["name"].assume("chaos-mesh", "the experiment needs a name")
    ns = meta["namespace"].text()
    if not ns:
        ns = meta["namespace"].assume("default", "kubectl would have taken the namespace of its context: check it")
    meta["labels"].lose("the object that our driver makes carries the labels of the run")
    meta["annotations"].lose("annotations steer the object that was there; ours is made and deleted by the run")
    root["status"].lose("what became of an earlier object is not a part of the experiment")
    return name, ns


def _scheduled(spec: Field) -> tuple[str, Field]:
    """What a Schedule makes, once: when it is run is not a part of an experiment."""
    spec["schedule"].lose("an experiment runs when it is called: by CI, by cron, or `chaos-run gameday schedule`")
    spec["concurrencyPolicy"].lose("no second run strikes the same target while one lasts: the lock sees to it")
    spec["historyLimit"].lose("every run stays on record")
    spec["startingDeadlineSeconds"].lose("there is no schedule that could be late")
    kind = spec["type"].text()
    if kind == "Workflow":
        return kind, spec["workflow"]
    check_kind(spec["type"], kind)
    return kind, spec[workflow.branch(kind, spec)]


def _spec(spec: Field, kind: str) -> dict[str, Any]:
    """The object's spec as it stands, but for what the API server would drop without a word."""
    for field in spec.fields():
        if field.key == "scheduler":
            field.lose("Chaos Mesh 2 has Schedule objects instead; an experiment runs when it is called")
        elif field.key not in SPECS[kind]:
            field.lose(f"{kind} has no such field in {API}")
    kept: dict[str, Any] = spec.take(but={"duration", *(f.key for f in spec.fields() if f.key not in SPECS[kind])})
    if not kept:
        spec.refuse(f"the {kind} has no spec", "it says what is struck, and how")
    return kept
