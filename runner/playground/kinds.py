"""The kinds the API serves, in one table: what discovery, routes, kubectl's short names and the store go by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
"""One API object as its JSON."""

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class ResourceKind:
    """One resource of the API."""

    name: str
    plural: str
    group: str = ""
    short: tuple[str, ...] = ()
    namespaced: bool = True
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    counted: bool = False
    """Whether a change of its spec raises `metadata.generation`."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def qualified(self) -> str:
        """`pods`, `deployments.apps`: as errors name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def titled(self) -> str:
        """`Pod`, `Deployment.apps`: as validation errors name it."""
        return f"{self.name}.{self.group}" if self.group else self.name

    @property
    def verbs(self) -> tuple[str, ...]:
        return tuple(v for v in VERBS if not (self.plural == "namespaces" and v == "deletecollection"))


POD = ResourceKind(
    "Pod",
    "pods",
    short=("po",),
    categories=("all",),
    subresources=("binding", "eviction", "log", "status"),
    counted=True,
)
NODE = ResourceKind("Node", "nodes", short=("no",), namespaced=False, subresources=("status",))
NAMESPACE = ResourceKind(
    "Namespace", "namespaces", short=("ns",), namespaced=False, subresources=("finalize", "status")
)
SERVICE = ResourceKind("Service", "services", short=("svc",), categories=("all",), subresources=("status",))
ENDPOINTS = ResourceKind("Endpoints", "endpoints", short=("ep",))
EVENT = ResourceKind("Event", "events", short=("ev",))
CONFIG_MAP = ResourceKind("ConfigMap", "configmaps", short=("cm",))
SECRET = ResourceKind("Secret", "secrets")
SERVICE_ACCOUNT = ResourceKind("ServiceAccount", "serviceaccounts", short=("sa",))
DEPLOYMENT = ResourceKind("Deployment", "deployments", "apps", ("deploy",), True, ("all",), ("scale", "status"), True)
REPLICA_SET = ResourceKind("ReplicaSet", "replicasets", "apps", ("rs",), True, ("all",), ("scale", "status"), True)
STATEFUL_SET = ResourceKind("StatefulSet", "statefulsets", "apps", ("sts",), True, ("all",), ("scale", "status"), True)
DAEMON_SET = ResourceKind("DaemonSet", "daemonsets", "apps", ("ds",), True, ("all",), ("status",), True)
ENDPOINT_SLICE = ResourceKind("EndpointSlice", "endpointslices", "discovery.k8s.io", counted=True)
LEASE = ResourceKind("Lease", "leases", "coordination.k8s.io")
BUDGET = ResourceKind("PodDisruptionBudget", "poddisruptionbudgets", "policy", ("pdb",), True, (), ("status",), True)
NETWORK_POLICY = ResourceKind("NetworkPolicy", "networkpolicies", "networking.k8s.io", ("netpol",), counted=True)

KINDS = (
    CONFIG_MAP, ENDPOINTS, EVENT, NAMESPACE, NODE, POD, SECRET, SERVICE_ACCOUNT, SERVICE, DAEMON_SET, DEPLOYMENT, REPLICA_SET,
    STATEFUL_SET, LEASE, ENDPOINT_SLICE, NETWORK_POLICY, BUDGET,
)  # fmt: skip

BY_PATH = {(kind.group, kind.plural): kind for kind in KINDS}
BY_NAME = {(kind.api_version, kind.name): kind for kind in KINDS}
GROUPS = tuple(dict.fromkeys(kind.group for kind in KINDS if kind.group))


def of(found: Object) -> ResourceKind:
    """The kind of an object that is in the store."""
    return BY_NAME[found["apiVersion"], found["kind"]]


def in_group(group: str) -> Iterator[ResourceKind]:
    """The kinds of one group, in the order of the table."""
    return (kind for kind in KINDS if kind.group == group)


def controller_of(found: Object) -> Object | None:
    """The owner reference of the controller, if there is one."""
    return next((o for o in found["metadata"].get("ownerReferences", ()) if o.get("controller")), None)


def reference_to(owner: Object) -> Object:
    """An owner reference as the controllers write it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
