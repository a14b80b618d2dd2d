"""Known actions: every one that changes a cluster, stock and our own, by its full name: whom it hits, and what proves it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from runner.faults.driver import FaultTarget, Provider
from runner.faults.kubernetes import created, dns, drain, memory, objects, pods_and_nodes, stress, workloads
from runner.faults.kubernetes.objects import Resource
from runner.faults.kubernetes.signatures import Arguments, Confirm, Resolve

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

DEPLOYMENTS = Resource("deployment", "deployments", "/apis/apps/v1")
REPLICA_SETS = Resource("replica_set", "replicasets", "/apis/apps/v1")
STATEFUL_SETS = Resource("stateful_set", "statefulsets", "/apis/apps/v1")
DAEMON_SETS = Resource("daemon_set", "daemonsets", "/apis/apps/v1")
SERVICES = Resource("service", "services", "/api/v1")
SECRETS = Resource("secret", "secrets", "/api/v1")
INGRESSES = Resource("ingress", "ingresses", "/apis/networking.k8s.io/v1")
NAMESPACES = Resource("namespace", "namespaces", "/api/v1", namespaced=False)
NODES = Resource("node", "nodes", "/api/v1", namespaced=False)


def kill(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """`kill_microservice`: a deployment, then a replica set, then a pod of that name."""
    space, name = str(arguments.get("ns") or "default"), arguments.get("name")
    labels = arguments.get("label_selector") or ""
    found = objects.select(cluster, DEPLOYMENTS, space, name, labels)
    found |= objects.select(cluster, REPLICA_SETS, space, name, labels)
    if labels and "{name}" not in labels:  # its own default is refused by every API server
        pods = cluster.pods(space, labels, str(name))[:1]
        found |= {f"pod/{space}/{p['name']}": [f"/api/v1/namespaces/{space}/pods/{p['name']}", p["uid"]] for p in pods}
    return objects.of_deleted(action, found, (space,))


def _of(resource: Resource) -> objects.Choice:
    return lambda arguments: resource


def _deleted(resource: Resource, name: str | None = None, owner: str = "nobody") -> Resolve:
    return objects.deleted(_of(resource), (lambda arguments: name) if name else None, owner)


def _created(resource: Resource, body: created.Body = created.file) -> Resolve:
    return created.created(_of(resource), body)


CONFIRM: dict[str, Confirm | None] = {
    "pods": pods_and_nodes.pods_gone,
    "exec": None,
    "nodes": pods_and_nodes.cordoned,
    "drain": pods_and_nodes.drained,
    "freed": pods_and_nodes.uncordoned,
    "scale-deployment": workloads.scaled,
    "scale-stateful_set": workloads.scaled,
    "rollout": workloads.rolled,
    "deleted": objects.gone,
    "created": objects.there,
    "changed": objects.differs,
    "cpu-stress": stress.cpu_taken,
    "memory": memory.out_of_memory,
    "stress-ended": None,
    "dns": dns.felt,
    "dns-cleared": objects.differs,
}
"""What each kind of aim is proven by; None where nothing can be seen from outside."""

ACTIONS: dict[str, Resolve] = {
    "chaosk8s.actions.kill_microservice": kill,
    "chaosk8s.actions.remove_service_endpoint": _deleted(SERVICES),
    "chaosk8s.actions.scale_microservice": workloads.scale("deployment"),
    "chaosk8s.actions.start_microservice": _created(DEPLOYMENTS),
    "chaosk8s.chaosmesh.network.actions.delete_network_fault": _deleted(created.chaos_mesh("networkchaos")),
    "chaosk8s.chaosmesh.stress.actions.delete_stressor": _deleted(created.chaos_mesh("stresschaos")),
    "chaosk8s.crd.actions.apply_from_json": created.applied,
    "chaosk8s.crd.actions.apply_from_yaml": created.applied,
    "chaosk8s.crd.actions.create_cluster_custom_object": created.created(
        created.custom_of_cluster, created.resource_or_file
    ),
    "chaosk8s.crd.actions.create_custom_object": created.created(created.custom, created.resource_or_file),
    "chaosk8s.crd.actions.delete_cluster_custom_object": objects.deleted(created.custom_of_cluster),
    "chaosk8s.crd.actions.delete_custom_object": objects.deleted(created.custom),
    "chaosk8s.crd.actions.patch_cluster_custom_object": objects.changed(created.custom_of_cluster),
    "chaosk8s.crd.actions.patch_custom_object": objects.changed(created.custom),
    "chaosk8s.crd.actions.replace_cluster_custom_object": objects.changed(created.custom_of_cluster),
    "chaosk8s.crd.actions.replace_custom_object": objects.changed(created.custom),
    "chaosk8s.daemonset.actions.create_daemon_set": _created(DAEMON_SETS),
    "chaosk8s.daemonset.actions.delete_daemon_set": _deleted(DAEMON_SETS),
    "chaosk8s.daemonset.actions.update_daemon_set": objects.changed(_of(DAEMON_SETS)),
    "chaosk8s.deployment.actions.create_deployment": _created(DEPLOYMENTS),
    "chaosk8s.deployment.actions.delete_deployment": _deleted(DEPLOYMENTS),
    "chaosk8s.deployment.actions.rollout_deployment": workloads.rollout,
    "chaosk8s.deployment.actions.scale_deployment": workloads.scale("deployment"),
    "chaosk8s.namespace.actions.create_namespace": _created(NAMESPACES, created.namespace),
    "chaosk8s.namespace.actions.delete_namespace": _deleted(NAMESPACES),
    "chaosk8s.networking.actions.allow_dns_access": created.policy(created.named("chaostoolkit-allow-dns")),
    "chaosk8s.networking.actions.create_ingress": _created(INGRESSES),
    "chaosk8s.networking.actions.create_network_policy": created.policy(created.file),
    "chaosk8s.networking.actions.delete_ingress": _deleted(INGRESSES),
    "chaosk8s.networking.actions.deny_all_egress": created.policy(created.named("chaostoolkit-deny-all-egress")),
    "chaosk8s.networking.actions.deny_all_ingress": created.policy(created.named("chaostoolkit-deny-all-ingress")),
    "chaosk8s.networking.actions.remove_allow_dns_access": _deleted(created.POLICIES, "chaostoolkit-allow-dns"),
    "chaosk8s.networking.actions.remove_deny_all_egress": _deleted(created.POLICIES, "chaostoolkit-deny-all-egress"),
    "chaosk8s.networking.actions.remove_deny_all_ingress": _deleted(created.POLICIES, "chaostoolkit-deny-all-ingress"),
    "chaosk8s.networking.actions.remove_network_policy": _deleted(created.POLICIES),
    "chaosk8s.networking.actions.update_ingress": objects.changed(_of(INGRESSES)),
    "chaosk8s.node.actions.cordon_node": pods_and_nodes.nodes,
    "chaosk8s.node.actions.create_node": _created(NODES, created.node),
    "chaosk8s.node.actions.delete_nodes": pods_and_nodes.nodes_deleted,
    "chaosk8s.node.actions.drain_nodes": pods_and_nodes.drain,
    "chaosk8s.node.actions.uncordon_node": pods_and_nodes.freed,
    "chaosk8s.pod.actions.delete_pods": pods_and_nodes.pods_by_name,
    "chaosk8s.pod.actions.exec_in_pods": pods_and_nodes.pods_entered,
    "chaosk8s.pod.actions.terminate_pods": pods_and_nodes.pods,
    "chaosk8s.replicaset.actions.delete_replica_set": _deleted(REPLICA_SETS, owner="system"),
    "chaosk8s.secret.actions.create_secret": _created(SECRETS),
    "chaosk8s.secret.actions.delete_secret": _deleted(SECRETS),
    "chaosk8s.service.actions.create_service_endpoint": _created(SERVICES),
    "chaosk8s.service.actions.delete_service": _deleted(SERVICES),
    "chaosk8s.statefulset.actions.create_statefulset": _created(STATEFUL_SETS),
    "chaosk8s.statefulset.actions.remove_statefulset": _deleted(STATEFUL_SETS),
    "chaosk8s.statefulset.actions.scale_statefulset": workloads.scale("stateful_set"),
    "runner.faults.kubernetes.actions.drain_nodes": drain.nodes_drained,
    "runner.faults.kubernetes.actions.fail_zone": drain.zone_failed,
    "runner.faults.kubernetes.actions.uncordon_nodes": drain.nodes_freed,
    "runner.faults.kubernetes.actions.stress_cpu": stress.cpu_stressed,
    "runner.faults.kubernetes.actions.fill_memory": memory.filled,
    "runner.faults.kubernetes.actions.fail_dns": dns.resolved,
    "runner.faults.kubernetes.actions.delay_dns": dns.resolved,
    "runner.faults.kubernetes.actions.clear_dns": dns.cleared,
    "runner.faults.kubernetes.actions.end_stress": stress.stress_ended,
    **{
        f"chaosk8s.chaosmesh.network.actions.{name}": created.mesh("networkchaos")
        for name in (
            "add_latency",
            "set_loss",
            "duplicate_packets",
            "reorder_packets",
            "corrupt_packets",
            "set_bandwidth",
        )
    },
    **{
        f"chaosk8s.chaosmesh.stress.actions.{name}": created.mesh("stresschaos")
        for name in ("stress_cpu", "stress_memory")
    },
}
"""By their full names. Of everything else the targets are unknown."""

SETTLED = ("pods", "exec", "deleted")
"""Kinds after which nothing can be there, or free to be hit, that was not before."""


def resolver(provider: Provider) -> Resolve | None:
    """How the targets of a method's action are found, where it is one that we know."""
    module, name = str(provider.get("module") or ""), str(provider.get("func") or "")
    return ACTIONS.get(f"{module}.{name}") or ACTIONS.get(_home(module, name))


def _home(module: str, name: str) -> str:
    """Where a function comes from that is called by way of another module, as old files do: `chaosk8s.actions.delete_pods`."""
    if not module.startswith("chaosk8s"):
        return ""
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return ""
    return f"{getattr(found, '__module__', '')}.{getattr(found, '__name__', '')}"
