"""The actions that people write in a file: `module: runner.faults.kubernetes.actions`. For plain `chaos run` too.

Each waits until the cluster took the fault, or raises EnvironmentFailure in the cluster's own words; `secrets` are chaosk8s' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Secrets = Mapping[str, Any]


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


def uncordon_nodes(name: str = "", label_selector: str = "", secrets: Secrets | None = None) -> list[str]:
    """Free the nodes that this run has cordoned, of all or of those named; a cordon that somebody else made stays."""
    from runner.faults import identity
    from runner.faults.kubernetes import cordon
    from runner.faults.kubernetes.client import Cluster

    cluster, run = Cluster(secrets), identity.run_id()
    return [n["name"] for n in cluster.nodes(name, label_selector) if cordon.free(cluster, n["name"], run)]
