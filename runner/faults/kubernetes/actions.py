"""The actions that people write in a file: `module: runner.faults.kubernetes.actions`. For plain `chaos run` too.

Each waits until the cluster took the fault, or raises EnvironmentFailure in the cluster's own words; `secrets` are chaosk8s' own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

Secrets = Mapping[str, Any]
P = ParamSpec("P")
T = TypeVar("T")


def _told(action: Callable[P, T]) -> Callable[P, T]:
    """What the API answers is told in its own words, in one sentence."""

    @functools.wraps(action)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        from runner import error_text, errors
        from runner.faults.kubernetes.client import TROUBLES, Unseen

        try:
            return action(*args, **kwargs)
        except errors.ChaosRunError:
            raise
        except (*TROUBLES, Unseen) as problem:
            raise errors.EnvironmentFailure(f"{action.__name__}: {error_text.sentence(problem)}") from problem

    return told


@_told
def drain_nodes(
    name: str = "",
    label_selector: str = "",
    timeout: float | str = 60,
    ignore_daemonsets: bool = True,
    delete_emptydir_data: bool = False,
    force: bool = False,
    secrets: Secrets | None = None,
) -> dict[str, Any]:
    """Cordon nodes and evict their pods as `kubectl drain` does, within `timeout` at the most.

    Disruption budgets are respected: what they still hold back then is the finding, with the API's own words. The runner and the
    team's monitoring (Prometheus, Alertmanager, Grafana, pods with the label `chaos-run/observer: "true"`) are never evicted.
    """
    from runner import errors
    from runner.faults.kubernetes import drain
    from runner.faults.kubernetes.client import Cluster

    if not (name or label_selector):
        raise errors.EnvironmentFailure("drain_nodes: which nodes? Give name or label_selector")
    cluster = Cluster(secrets)
    nodes = cluster.nodes(name, label_selector)
    if not nodes:
        raise errors.EnvironmentFailure(f"there is no node {name or label_selector}: nothing was drained")
    options = {"ignore_daemonsets": ignore_daemonsets, "delete_emptydir_data": delete_emptydir_data, "force": force}
    return drain.drain(cluster, nodes, {"timeout": timeout, **options})


@_told
def fail_zone(
    zone: str,
    timeout: float | str = 60,
    delete_emptydir_data: bool = False,
    force: bool = False,
    secrets: Secrets | None = None,
) -> dict[str, Any]:
    """Cordon every node of a zone and end its pods with a second's grace, whatever disruption budgets say.

    Kinder than a zone that loses its power: its pods leave the endpoints at once, and not when their nodes are found dead. The
    runner and the team's monitoring stay, as in `drain_nodes`; the only zone that takes pods is not cut off.
    """
    from runner.faults.kubernetes import drain
    from runner.faults.kubernetes.client import Cluster

    options = {"delete_emptydir_data": delete_emptydir_data, "force": force}
    return drain.cut_off(Cluster(secrets), {"zone": zone, "timeout": timeout, **options})


@_told
def uncordon_nodes(name: str = "", label_selector: str = "", secrets: Secrets | None = None) -> list[str]:
    """Free the nodes that this run has cordoned, of all or of those named; a cordon that somebody else made stays."""
    from runner.faults import identity
    from runner.faults.kubernetes import cordon
    from runner.faults.kubernetes.client import Cluster

    cluster, run = Cluster(secrets), identity.run_id()
    return [n["name"] for n in cluster.nodes(name, label_selector) if cordon.free(cluster, n["name"], run)]


@_told
def stress_cpu(
    label_selector: str,
    ns: str = "default",
    qty: int = 0,
    workers: int = 1,
    load: int = 90,
    duration: float | str = "2m",
    image: str = "",
    secrets: Secrets | None = None,
) -> list[str]:
    """Run stress-ng in the pods that match (`qty` of them; 0: all), beside what runs there, and within the pod's own limits.

    It ends itself after `duration`. Whether an autoscaler answers it is for `wait_for:` to see, by `probes.scaled_out`.
    """
    from runner.faults.kubernetes import stress
    from runner.faults.kubernetes.client import Cluster

    asked = {"label_selector": label_selector, "ns": ns, "qty": qty, "duration": duration, "image": image}
    return stress.stress_cpu(Cluster(secrets), {**asked, "workers": workers, "load": load})


@_told
def fill_memory(
    label_selector: str,
    ns: str = "default",
    qty: int = 1,
    container_name: str = "",
    mib_per_second: int = 10,
    duration: float | str = "2m",
    secrets: Secrets | None = None,
) -> list[str]:
    """Let the memory of a container grow until the kernel kills it, as for a leak of its own, and wait until it has started again.

    The container (the first, unless one is named) needs a memory limit, and its image a shell. The growth ends with the container,
    and by itself after `duration`; one that kills nobody by then is the finding.
    """
    from runner.faults.kubernetes import memory
    from runner.faults.kubernetes.client import Cluster

    asked = {"label_selector": label_selector, "ns": ns, "qty": qty, "duration": duration}
    return memory.fill(Cluster(secrets), {**asked, "container_name": container_name, "mib_per_second": mib_per_second})


@_told
def end_stress(label_selector: str, ns: str = "default", secrets: Secrets | None = None) -> list[str]:
    """End what this run lets run in the pods that match, CPU or memory; that of other runs goes on."""
    from runner.faults import identity
    from runner.faults.kubernetes import memory, running_pods, stress
    from runner.faults.kubernetes.client import Cluster

    cluster, run = Cluster(secrets), identity.run_id()
    pods = running_pods.chosen(cluster, {"label_selector": label_selector, "ns": ns})
    filled = [p["metadata"]["name"] for p in pods if memory.undone(cluster, p["metadata"], run)]
    return [*stress.end(cluster, pods), *filled]


@_told
def fail_dns(names: list[str] | str, rcode: str = "SERVFAIL", secrets: Secrets | None = None) -> list[str]:
    """Let the cluster's CoreDNS answer these names, and all below them, with SERVFAIL, NXDOMAIN or REFUSED. There is no time to live.

    It waits until every CoreDNS pod runs with it, by its own log, which takes up to a minute. What callers keep in caches goes on.
    """
    from runner.faults.kubernetes import dns
    from runner.faults.kubernetes.client import Cluster

    return dns.tell(Cluster(secrets), {"names": names, "rcode": rcode})


@_told
def delay_dns(names: list[str] | str, delay_ms: int = 500, secrets: Secrets | None = None) -> list[str]:
    """Let the cluster's CoreDNS (1.12 or later) answer these names, and all below them, so much later; else as `fail_dns`."""
    from runner.faults.kubernetes import dns
    from runner.faults.kubernetes.client import Cluster

    return dns.tell(Cluster(secrets), {"names": names, "delay_ms": delay_ms})


@_told
def clear_dns(secrets: Secrets | None = None) -> bool:
    """Take out what this run has told CoreDNS. True: nothing of it is left, also where nothing was there."""
    from runner.faults import identity
    from runner.faults.kubernetes import dns
    from runner.faults.kubernetes.client import Cluster

    dns.undone(Cluster(secrets), identity.run_id())
    return True
