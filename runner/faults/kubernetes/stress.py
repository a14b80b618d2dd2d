"""Stress: stress-ng inside the target's own pod, so that its limits, its autoscaler and its alerts feel it, and not the node's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import clock, errors, units
from runner.faults import identity
from runner.faults.driver import Evidence, FaultTarget, UndoStep
from runner.faults.kubernetes import resources, stress_containers
from runner.faults.kubernetes.node_pods import Pod, called
from runner.faults.kubernetes.signatures import Arguments
from runner.faults.kubernetes.stress_containers import Stress

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

IMAGE = "ghcr.io/colinianking/stress-ng:latest"
"""Any image with stress-ng and /bin/sh will do."""
LONGEST_S = 3600
END = "end-stress"
"""The kind of its undo records."""
KEPT_MIB = 4
"""Less than the pod's limit by so much: the last of the growth kills the target, and not what holds its pod together."""
CPU, MEMORY = "cpu", "memory"
TAKE_CPU = "exec stress-ng --cpu {workers} --cpu-load {load} --timeout ${{left}}s --quiet\n"
FILL_MEMORY = """\
echo -1000 > /proc/self/oom_score_adj || exit 3
trap 'exit 0' TERM
grown=0
while [ "$left" -gt 0 ]; do
  if [ "$grown" -lt {most} ]; then
    stress-ng --vm 1 --vm-bytes {rate}M --vm-keep --vm-hang 0 --no-oom-adjust --timeout ${{left}}s --quiet &
    grown=$(( grown + {rate} ))
  fi
  sleep 1 & wait $!
  left=$(( left - 1 ))
done
"""
"""It cannot be killed for want of memory itself, so the kernel takes the target, as it would for a leak of its own."""
UNPRIVILEGED = {
    "runAsUser": 65534,
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Pod Security lets it in everywhere."""
SPARED = {"runAsUser": 0, "runAsNonRoot": False, "capabilities": {"add": ["SYS_RESOURCE"]}}
"""To be spared by the kernel takes one capability, which a namespace under Pod Security `baseline` does not give."""


def cpu_stressed(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """The pods whose CPU `stress_cpu` takes."""
    pods = chosen(cluster, arguments)
    space = str(arguments.get("ns") or "default")
    before = {
        "usage": resources.usage(cluster, space),
        "scaled": resources.scaled(cluster, space),
        "expected": _expected(pods, arguments),
    }
    return _target(action, "cpu-stress", pods, arguments, before)


def memory_filled(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """The pods that `fill_memory` drives out of memory. Raises EnvironmentFailure where nothing limits their memory."""
    pods = chosen(cluster, arguments, 1)
    for pod in pods:
        memory_limit_mib(pod)
    restarts = {p["metadata"]["name"]: resources.restarts(p) for p in pods}
    return _target(action, "memory-stress", pods, arguments, {"restarts": restarts})


def _target(
    action: str, kind: str, pods: Sequence[Pod], arguments: Arguments, before: Mapping[str, Any]
) -> FaultTarget:
    space, lasts_s = str(arguments.get("ns") or "default"), seconds(arguments)
    uids = {p["metadata"]["name"]: p["metadata"]["uid"] for p in pods}
    return FaultTarget(
        action=action,
        kind=kind,
        targets=tuple(f"pod/{space}/{name}" for name in uids),
        note=f"stress-ng for {units.format_duration(lasts_s)} in {len(uids)} pods"
        if uids
        else "no running pod matches",
        scopes=(space,),
        owner="system",
        ttl_s=float(lasts_s),
        undo=tuple(_undo(space, name, uid) for name, uid in uids.items()),
        before={"namespace": space, "uids": uids, **before},
    )


def _undo(space: str, name: str, uid: str) -> UndoStep:
    args = {"resource": "pod", "namespace": space, "name": name, "uid": uid}
    return UndoStep(kind=END, what=f"end stress-ng in pod {space}/{name}", args=args)


def cpu_taken(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """stress-ng runs, by the node's account, and the metrics show its CPU, where there are any."""
    space = before["namespace"]
    runs = list(_running(cluster, before))
    said = f"stress-ng runs in {len(runs)} of {len(before['uids'])} pods"
    now = resources.usage(cluster, space)
    if now is None or before["usage"] is None:
        seen, said = runs, f"{said}; no metrics API says how much CPU it takes"
    else:
        rise = {name: now.get(name, 0.0) - before["usage"].get(name, 0.0) for name in runs}
        seen = [name for name in runs if rise[name] >= before["expected"].get(name, 0.0) / 2]
        most = max(rise.values(), default=0.0)
        said = f"{said}; the metrics show up to {most:.2f} CPUs more in {len(seen)} of them"
    scaled = {
        name: wants
        for name, wants in resources.scaled(cluster, space).items()
        if wants > before["scaled"].get(name, wants)
    }
    said += "".join(
        f"; the HPA {name} wants {wants} replicas, before {before['scaled'][name]}" for name, wants in scaled.items()
    )
    return Evidence(confirmed=bool(seen), sentence=said, targets=tuple(f"pod/{space}/{name}" for name in seen))


def out_of_memory(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """A container was killed for want of memory and started again, by the node's account."""
    space, killed = before["namespace"], {}
    for name, counts in before["restarts"].items():
        pod = cluster.read(f"/api/v1/namespaces/{space}/pods/{name}")
        if pod and pod["metadata"]["uid"] == before["uids"][name] and (said := resources.killed(pod, counts)):
            killed[name] = said
    sentence = "; ".join(killed.values()) or "no container has been restarted for want of memory"
    return Evidence(confirmed=bool(killed), sentence=sentence, targets=tuple(f"pod/{space}/{name}" for name in killed))


def _running(cluster: Cluster, before: Mapping[str, Any]) -> Iterator[str]:
    for name, uid in before["uids"].items():
        pod = cluster.read(f"/api/v1/namespaces/{before['namespace']}/pods/{name}")
        if pod and pod["metadata"]["uid"] == uid and stress_containers.running(pod, name_of(CPU)):
            yield name


def stress_ended(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """The pods in which `end_stress` ends what this run has started."""
    pods = [p for p in chosen(cluster, arguments) if any(stress_containers.of_run(p, identity.run_id()))]
    targets = tuple(called(p) for p in pods)
    return FaultTarget(action=action, kind="stress-ended", targets=targets, note=f"{len(pods)} pods", visible=False)


def undone(cluster: Cluster, args: Mapping[str, Any], run: str) -> bool:
    """Whether stress-ng of that run had to be ended in the pod that an undo record names."""
    return ended(cluster, _named(args), run)


def left(cluster: Cluster, records: Iterable[Mapping[str, Any]], run: str) -> dict[str, str]:
    """By pod: what of that run's stress-ng has not ended, a sentence each."""
    found = {}
    for args in records:
        pod = stress_containers.again(cluster, _named(args))
        for name in stress_containers.of_run(pod, run) if pod else ():
            found[called(pod or {})] = f"stress-ng ({name}) still runs in {called(pod or {})}"
    return found


def _named(args: Mapping[str, Any]) -> Pod:
    return {"metadata": {"namespace": args["namespace"], "name": args["name"], "uid": args["uid"]}}


def stress_cpu(cluster: Cluster, arguments: Arguments) -> list[str]:
    """The pods by name, once it runs in all of them; with `hpa`, once that has scaled, which ends it. Raises EnvironmentFailure."""
    pods, space = _some(cluster, arguments), str(arguments.get("ns") or "default")
    hpa, wanted = str(arguments.get("hpa") or ""), resources.scaled(cluster, space)
    if hpa and hpa not in wanted:
        raise errors.EnvironmentFailure(f"there is no HorizontalPodAutoscaler {space}/{hpa}: nothing would scale")
    script = TAKE_CPU.format(workers=int(arguments.get("workers") or 1), load=int(arguments.get("load") or 90))
    _put(cluster, pods, _stress(arguments, script, UNPRIVILEGED), name_of(CPU))
    if hpa:
        _await_scaled(cluster, arguments, hpa, wanted[hpa])
        end(cluster, pods)
    return [p["metadata"]["name"] for p in pods]


def _await_scaled(cluster: Cluster, arguments: Arguments, hpa: str, was: int) -> None:
    space, lasts_s = str(arguments.get("ns") or "default"), seconds(arguments)
    now = clock.poll_until(
        lambda: resources.scaled(cluster, space).get(hpa, 0), lasts_s, 2.0, enough=lambda wants: wants > was
    )
    if now <= was:
        raise errors.EnvironmentFailure(
            f"the HPA {space}/{hpa} still wants {now} replicas after {units.format_duration(lasts_s)}: "
            f"{resources.why_not_scaled(cluster, space, hpa)}"
        )


def fill_memory(cluster: Cluster, arguments: Arguments) -> list[str]:
    """The pods by name, once the kernel has killed a container in each and it has started again. Raises EnvironmentFailure."""
    pods, rate = _some(cluster, arguments, 1), int(arguments.get("mib_per_second") or 10)
    counts = {called(p): resources.restarts(p) for p in pods}
    most = min(memory_limit_mib(p) for p in pods) - KEPT_MIB
    script = FILL_MEMORY.format(rate=rate, most=most)
    _put(cluster, pods, _stress(arguments, script, SPARED), name_of(MEMORY))

    def spared() -> list[str]:
        now = {called(p): stress_containers.again(cluster, p) for p in pods}
        for pod in pods:
            if (found := now[called(pod)]) and resources.killed(found, counts[called(pod)]):
                stress_containers.end(cluster, pod, name_of(MEMORY))
        return [name for name, pod in now.items() if pod and not resources.killed(pod, counts[name])]

    left = clock.poll_until(spared, seconds(arguments), 0.5, enough=lambda names: not names)
    if left:
        lasted = units.format_duration(seconds(arguments))
        raise errors.EnvironmentFailure(f"no container of {', '.join(left)} was killed for want of memory in {lasted}")
    return [p["metadata"]["name"] for p in pods]


def _stress(arguments: Arguments, script: str, security: Mapping[str, Any]) -> Stress:
    image = str(arguments.get("image") or IMAGE)
    return Stress(image=image, script=script, security=security, seconds=seconds(arguments))


def _put(cluster: Cluster, pods: Sequence[Pod], stress: Stress, name: str) -> None:
    for pod in pods:
        stress_containers.put(cluster, pod, name, stress)
    for pod in pods:
        stress_containers.started(cluster, pod, name)


def end(cluster: Cluster, pods: Sequence[Pod]) -> list[str]:
    """The pods by name in which stress-ng of this run had to be ended."""
    return [p["metadata"]["name"] for p in pods if ended(cluster, p, identity.run_id())]


def ended(cluster: Cluster, pod: Pod, run: str) -> bool:
    """Whether one of that run had to be ended in a pod."""
    names = [identity.name(run, {"stress": kind}) for kind in (CPU, MEMORY)]
    had = [stress_containers.end(cluster, pod, name) for name in names]
    return any(had)


def name_of(kind: str) -> str:
    """Of this run's containers of one kind: one at a time is enough for a pod."""
    return identity.name(identity.run_id(), {"stress": kind})


def chosen(cluster: Cluster, arguments: Arguments, most: int | None = None) -> list[dict[str, Any]]:
    """The running pods that match, by name, `qty` of them at the most."""
    space = str(arguments.get("ns") or "default")
    listed = cluster.read(f"/api/v1/namespaces/{space}/pods", labelSelector=str(arguments.get("label_selector") or ""))
    found = [p for p in (listed or {}).get("items") or () if _runs(p)]
    qty = arguments.get("qty") or most or len(found)
    return (
        sorted(found, key=lambda p: str(p["metadata"]["name"]))[: int(qty)] if arguments.get("label_selector") else []
    )


def _some(cluster: Cluster, arguments: Arguments, most: int | None = None) -> list[dict[str, Any]]:
    if found := chosen(cluster, arguments, most):
        return found
    raise errors.EnvironmentFailure(
        f"no running pod in {arguments.get('ns')} matches {arguments.get('label_selector')!r}: nothing was stressed"
    )


def _runs(pod: Pod) -> bool:
    return pod["status"].get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")


def seconds(arguments: Arguments) -> int:
    """How long it lasts at the most. Raises EnvironmentFailure for what is no such time."""
    given = arguments.get("duration") or "2m"
    try:
        found = float(given) if isinstance(given, int | float) else units.parse_duration(str(given))
    except ValueError as problem:
        raise errors.EnvironmentFailure(f"duration: {problem}") from None
    if not 1 <= found <= LONGEST_S:
        raise errors.EnvironmentFailure(f"duration: {given} is not between 1s and {units.format_duration(LONGEST_S)}")
    return math.ceil(found)


def memory_limit_mib(pod: Pod) -> int:
    """Of all its containers together. Raises EnvironmentFailure where one has none: the growth would take the node's memory."""
    limits = {
        c["name"]: ((c.get("resources") or {}).get("limits") or {}).get("memory") for c in pod["spec"]["containers"]
    }
    without = [name for name, limit in limits.items() if not limit]
    if without:
        raise errors.EnvironmentFailure(
            f"{called(pod)} has no memory limit on {', '.join(without)}: the growth would take the memory of its node. "
            "Give every container of it resources.limits.memory"
        )
    return int(sum(resources.quantity(str(limit)) for limit in limits.values()) / 2**20)


def _expected(pods: Sequence[Pod], arguments: Arguments) -> dict[str, float]:
    """CPUs that it should take in each pod, within what its limits leave it."""
    asked = int(arguments.get("workers") or 1) * int(arguments.get("load") or 90) / 100
    return {p["metadata"]["name"]: min(asked, resources.cpu_limit(p)) for p in pods}
