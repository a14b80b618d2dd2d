"""Stress: stress-ng inside the target's own pod, so that its limits, its autoscaler and its alerts feel it, and not the node's."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner.faults import identity
from runner.faults.driver import Evidence, FaultTarget
from runner.faults.kubernetes import resources, running_pods, stress_containers
from runner.faults.kubernetes.node_pods import Pod, called
from runner.faults.kubernetes.signatures import Arguments
from runner.faults.kubernetes.stress_containers import Stress

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

IMAGE = "ghcr.io/colinianking/stress-ng:latest"
"""Any image with stress-ng and /bin/sh will do."""
END = "end-stress"
"""The kind of its undo records."""
TAKE_CPU = "exec stress-ng --cpu {workers} --cpu-load {load} --timeout ${{left}}s --quiet\n"
UNPRIVILEGED = {
    "runAsUser": 65534,
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Pod Security lets it in everywhere."""


def cpu_stressed(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """The pods whose CPU `stress_cpu` takes."""
    pods, space = running_pods.chosen(cluster, arguments), running_pods.space(arguments)
    answering = resources.scalers_of(cluster, space, pods)
    before = {
        "usage": resources.usage(cluster, space),
        "scaled": {name: wants for name, wants in resources.scaled(cluster, space).items() if name in answering},
        "expected": _expected(pods, arguments),
    }
    return running_pods.target(action, "cpu-stress", pods, arguments, END, before)


def cpu_taken(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """The metrics show its CPU, or it has run and its pods' autoscaler asks for more; without metrics the node says that it runs."""
    space, pods = before["namespace"], _there(cluster, before)
    runs, ran = ([name for name, how in pods.items() if how == state] for state in ("runs", "ran"))
    said = f"stress-ng runs in {len(runs)} of {len(before['uids'])} pods" + f" (has run in {len(ran)} more)" * bool(ran)
    now = resources.usage(cluster, space)
    if now is None or before["usage"] is None:
        seen, said = runs, f"{said}; no metrics API says how much CPU it takes"
    else:
        rises = risen(before["usage"], now, before["expected"])
        seen = [name for name in runs if name in rises]
        said = f"{said}; in {len(seen)} of them the metrics show up to {max(rises.values(), default=0.0):.2f} CPUs more"
    scaled = grown(before["scaled"], resources.scaled(cluster, space))
    hit = seen or ([*runs, *ran] if scaled else [])
    not_by_us = ("no stress-ng of this run is known to have run",) if scaled and not hit else ()
    told, targets = "; ".join((said, *scaled, *not_by_us)), tuple(f"pod/{space}/{name}" for name in hit)
    return Evidence(confirmed=bool(hit), sentence=told, targets=targets)


def risen(before: Mapping[str, float], now: Mapping[str, float], expected: Mapping[str, float]) -> dict[str, float]:
    """Pods that use at least half as much more as was to be taken of them; of one that had no figure before nothing is known."""
    more = {name: now[name] - before[name] for name in expected if name in now and name in before}
    return {name: rise for name, rise in more.items() if rise >= expected[name] / 2}


def grown(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """The autoscalers that want more than before, a sentence each; of one whose wish before is not known nothing can be said."""
    more = {name: wants for name, wants in now.items() if wants > before.get(name, wants)}
    return [f"the HPA {name} wants {wants} replicas, before {before[name]}" for name, wants in more.items()]


def _there(cluster: Cluster, before: Mapping[str, Any]) -> dict[str, str]:
    """By pod: `runs` or `ran`, where its time is over by now. Without those in which it did not."""
    name, found = _name(identity.run_id()), {}
    for pod_name, uid in before["uids"].items():
        pod = cluster.read(f"/api/v1/namespaces/{before['namespace']}/pods/{pod_name}")
        if pod and pod["metadata"]["uid"] == uid and stress_containers.has_run(pod, name):
            found[pod_name] = "runs" if stress_containers.running(pod, name) is not None else "ran"
    return found


def stress_ended(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """The pods in which `end_stress` ends what this run has started."""
    pods = [p for p in running_pods.chosen(cluster, arguments) if any(stress_containers.of_run(p, identity.run_id()))]
    targets = tuple(called(p) for p in pods)
    return FaultTarget(action=action, kind="stress-ended", targets=targets, note=f"{len(pods)} pods", visible=False)


def undone(cluster: Cluster, args: Mapping[str, Any], run: str) -> bool:
    """Whether stress-ng of that run had to be ended in the pod that an undo record names."""
    return stress_containers.end(cluster, running_pods.named(args), _name(run))


def left(cluster: Cluster, records: Iterable[Mapping[str, Any]], run: str) -> dict[str, str]:
    """By pod: what of that run's has not ended, a sentence each."""
    found = {}
    for args in records:
        pod = running_pods.again(cluster, running_pods.named(args))
        for name in stress_containers.of_run(pod, run) if pod else ():
            if said := stress_containers.going_on(pod or {}, name):
                found[called(pod or {})] = said
    return found


def stress_cpu(cluster: Cluster, arguments: Arguments) -> list[str]:
    """The pods by name, once it runs in all of them. Raises EnvironmentFailure."""
    pods = running_pods.some(cluster, arguments)
    script = TAKE_CPU.format(workers=int(arguments.get("workers") or 1), load=int(arguments.get("load") or 90))
    image, name = str(arguments.get("image") or IMAGE), _name(identity.run_id())
    lasts_s = running_pods.seconds(arguments)
    end_s = int(time.time()) + lasts_s
    stress = Stress(image=image, script=script, security=UNPRIVILEGED, seconds=lasts_s, end=end_s)
    # In the first by itself: an image that is not to be had leaves a container waiting for it, which nobody can take out again.
    for some in (pods[:1], pods[1:]):
        put = [(pod, stress_containers.put(cluster, pod, name, stress)) for pod in some]
        for pod, container in put:
            stress_containers.started(cluster, pod, container)
    return [p["metadata"]["name"] for p in pods]


def end(cluster: Cluster, pods: Sequence[Pod]) -> list[str]:
    """The pods by name in which stress-ng of this run had to be ended."""
    return [p["metadata"]["name"] for p in pods if stress_containers.end(cluster, p, _name(identity.run_id()))]


def _name(run: str) -> str:
    """Of that run's containers: one at a time is enough for a pod."""
    return identity.name(run, {"stress": "cpu"})


def _expected(pods: Sequence[Pod], arguments: Arguments) -> dict[str, float]:
    """CPUs that it should take in each pod, within what its limits leave it."""
    asked = int(arguments.get("workers") or 1) * int(arguments.get("load") or 90) / 100
    return {p["metadata"]["name"]: min(asked, resources.cpu_limit(p)) for p in pods}
