"""Memory: a container's own memory grows until the kernel kills it, as for a leak; proven by the node's account of the kill.

It grows by processes inside of the very container, for only they are counted against its limit: an ephemeral container has a limit of
its own. So the container's image has to have a shell. They end with the container, and by themselves in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from runner import clock, errors, units
from runner.faults import identity
from runner.faults.driver import Evidence, FaultTarget
from runner.faults.kubernetes import resources, running_pods
from runner.faults.kubernetes.node_pods import Pod, called
from runner.faults.kubernetes.signatures import Arguments

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

END = "end-memory"
"""The kind of its undo records."""
PIECE_MIB = 2
"""What each process holds; the kernel takes the largest one, so none may be larger than the target's own."""
OURS = """\
ours() { case "$(tr '\\0' ' ' < "$1/cmdline" 2>/dev/null)" in *"$mark"*) return 0;; esac; return 1; }
"""
GROW = """\
mark=$0
__OURS__
rank() { for p in $theirs; do echo "$1" > "$p/oom_score_adj"; done 2>/dev/null; }
grow() {
  theirs=""
  for p in /proc/[0-9]*; do ours "$p" || theirs="$theirs $p"; done
  was=$(cat /proc/1/oom_score_adj)
  trap 'rank "$was"; exit 0' TERM
  rank 1000
  left=__SECONDS__ grown=0
  while [ "$left" -gt 0 ]; do
    n=0
    while [ "$n" -lt __PIECES__ ] && [ "$grown" -lt __MOST__ ]; do
      ( trap - TERM; x=$(head -c __BYTES__ /dev/zero | tr '\\0' x); i=$left
        while [ "$i" -gt 0 ]; do sleep 1; i=$((i - 1)); done; : "$x" ) &
      n=$((n + 1)) grown=$((grown + 1))
    done
    sleep 1 & wait $!
    left=$((left - 1))
  done
  rank "$was"
}
grow < /dev/null > /dev/null 2>&1 &
"""
"""Of all in the container the kernel takes the target first; where it takes nobody, the target gets back the rank that it had."""
COUNT = 'mark=$0\n__OURS__\nn=0; for p in /proc/[0-9]*; do [ "$p" = "/proc/$$" ] || { ours "$p" && n=$((n + 1)); }; done; echo $n'
STOP = 'mark=$0\n__OURS__\nfor p in /proc/[0-9]*; do [ "$p" = "/proc/$$" ] || { ours "$p" && kill "${p#/proc/}"; }; done; exit 0'


def filled(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """The pods that `fill_memory` drives out of memory. Raises EnvironmentFailure where nothing limits their memory."""
    pods = running_pods.chosen(cluster, arguments, 1)
    for pod in pods:
        limit_mib(pod, container(pod, arguments))
    restarts = {p["metadata"]["name"]: resources.restarts(p) for p in pods}
    return running_pods.target(action, "memory", pods, arguments, END, {"restarts": restarts})


def out_of_memory(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """A container was killed for want of memory and started again, by the node's account."""
    space, killed = before["namespace"], {}
    for name, uid in before["uids"].items():
        pod = running_pods.again(cluster, running_pods.named({"namespace": space, "name": name, "uid": uid}))
        if pod and (said := resources.killed(pod, before["restarts"][name])):
            killed[name] = said
    sentence = "; ".join(killed.values()) or "no container has been restarted for want of memory"
    return Evidence(confirmed=bool(killed), sentence=sentence, targets=tuple(f"pod/{space}/{name}" for name in killed))


def fill(cluster: Cluster, arguments: Arguments) -> list[str]:
    """The pods by name, once the kernel has killed a container in each and it has started again. Raises EnvironmentFailure."""
    pods, lasts_s = running_pods.some(cluster, arguments, 1), running_pods.seconds(arguments)
    counts = {called(p): resources.restarts(p) for p in pods}
    pieces = max(1, int(arguments.get("mib_per_second") or 10) // PIECE_MIB)
    for pod in pods:
        inside = container(pod, arguments)
        most = limit_mib(pod, inside) // PIECE_MIB + 1
        values = {"SECONDS": lasts_s, "PIECES": pieces, "MOST": most, "BYTES": PIECE_MIB << 20}
        _run(cluster, pod, inside, GROW, identity.run_id(), values)

    def spared() -> list[str]:
        now = {called(p): running_pods.again(cluster, p) for p in pods}
        return [name for name, pod in now.items() if pod and not resources.killed(pod, counts[name])]

    if left := clock.poll_until(spared, lasts_s, 0.5, enough=lambda names: not names):
        lasted = units.format_duration(lasts_s)
        raise errors.EnvironmentFailure(f"no container of {', '.join(left)} was killed for want of memory in {lasted}")
    return [p["metadata"]["name"] for p in pods]


def undone(cluster: Cluster, args: Mapping[str, Any], run: str) -> bool:
    """Whether processes of that run had to be ended in the pod of an undo record."""
    found = dict(_growing(cluster, args, run))
    for inside, pod in found.items():
        _run(cluster, pod, inside, STOP, run)
    if found and not clock.poll_until(lambda: not dict(_growing(cluster, args, run)), running_pods.EXEC_S, 0.5):
        raise errors.EnvironmentFailure(
            f"the memory of pod {args['namespace']}/{args['name']} grows on after it was told to end"
        )
    return bool(found)


def left(cluster: Cluster, records: Iterable[Mapping[str, Any]], run: str) -> dict[str, str]:
    """By pod: whose memory still grows, a sentence each."""
    growing = [args for args in records if dict(_growing(cluster, args, run))]
    return {
        f"pod/{a['namespace']}/{a['name']}": f"the memory of pod {a['namespace']}/{a['name']} still grows"
        for a in growing
    }


def _growing(cluster: Cluster, args: Mapping[str, Any], run: str) -> Iterable[tuple[str, Pod]]:
    """Each running container in which processes of that run are, with its pod."""
    pod = running_pods.again(cluster, running_pods.named(args))
    for status in (pod or {}).get("status", {}).get("containerStatuses") or ():
        if pod and "running" in status["state"] and int(_run(cluster, pod, status["name"], COUNT, run).strip() or 0):
            yield str(status["name"]), pod


def _run(
    cluster: Cluster, pod: Pod, inside: str, script: str, run: str, values: Mapping[str, object] | None = None
) -> str:
    text = script.replace("__OURS__", OURS)
    for name, value in (values or {}).items():
        text = text.replace(f"__{name}__", str(value))
    return running_pods.execute(cluster, pod, inside, "/bin/sh", "-c", text, identity.name(run, {"memory": True}))


def container(pod: Pod, arguments: Arguments) -> str:
    """The one that is named, else the first."""
    return str(arguments.get("container_name") or pod["spec"]["containers"][0]["name"])


def limit_mib(pod: Pod, name: str) -> int:
    """Of one container. Raises EnvironmentFailure where it has none: the growth would take the memory of its node."""
    found = next((c for c in pod["spec"]["containers"] if c["name"] == name), None)
    if found is None:
        raise errors.EnvironmentFailure(f"{called(pod)} has no container {name!r}")
    limit = ((found.get("resources") or {}).get("limits") or {}).get("memory")
    if not limit:
        raise errors.EnvironmentFailure(
            f"container {name} of {called(pod)} has no memory limit: the growth would take the memory of its node. "
            "Give it resources.limits.memory"
        )
    return int(resources.quantity(str(limit)) / 2**20)
