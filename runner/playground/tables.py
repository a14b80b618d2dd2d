"""What `kubectl get` shows: the columns and cells of each kind, as the real API server prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from runner.playground import cells, conditions, kinds

Row = list[Any]

_AGE = "CreationTimestamp is a timestamp representing the server time when this object was created."


def column(name: str, type: str = "string", priority: int = 0) -> dict[str, Any]:
    """One column definition; priority 1 is shown with `-o wide`."""
    return {
        "name": name,
        "type": type,
        "format": "name" if name == "Name" else "",
        "description": _AGE if name == "Age" else name,
        "priority": priority,
    }


def _columns(plain: str, wide: str = "") -> list[dict[str, Any]]:
    """From `Name,Desired:integer`."""
    made = [(text, 0) for text in plain.split(",")] + [(text, 1) for text in wide.split(",") if text]
    return [column(text.partition(":")[0], text.partition(":")[2] or "string", priority) for text, priority in made]


COLUMNS = {
    "Pod": _columns("Name,Ready,Status,Restarts,Age", "IP,Node,Nominated Node,Readiness Gates"),
    "Node": _columns(
        "Name,Status,Roles,Age,Version", "Internal-IP,External-IP,OS-Image,Kernel-Version,Container-Runtime"
    ),
    "Namespace": _columns("Name,Status,Age"),
    "Service": _columns("Name,Type,Cluster-IP,External-IP,Port(s),Age", "Selector"),
    "Endpoints": _columns("Name,Endpoints,Age"),
    "ConfigMap": _columns("Name,Data,Age"),
    "Secret": _columns("Name,Type,Data,Age"),
    "ServiceAccount": _columns("Name,Secrets,Age"),
    "Deployment": _columns("Name,Ready,Up-to-date,Available,Age", "Containers,Images,Selector"),
    "ReplicaSet": _columns("Name,Desired:integer,Current:integer,Ready:integer,Age", "Containers,Images,Selector"),
    "StatefulSet": _columns("Name,Ready,Age", "Containers,Images"),
    "DaemonSet": _columns(
        "Name,Desired:integer,Current:integer,Ready:integer,Up-to-date:integer,Available:integer,Node Selector,Age",
        "Containers,Images,Selector",
    ),
    "EndpointSlice": _columns("Name,AddressType,Ports,Endpoints,Age"),
    "Lease": _columns("Name,Holder,Age"),
    "PodDisruptionBudget": _columns("Name,Min Available,Max Unavailable,Allowed Disruptions:integer,Age"),
    "NetworkPolicy": _columns("Name,Pod-Selector,Age"),
}

EVENT_COLUMNS = [
    column("Last Seen"), column("Type"), column("Reason"), column("Object"), column("Subobject", priority=1),
    column("Source", priority=1), column("Message"), column("First Seen", priority=1), column("Count", priority=1),
    {**column("Name"), "priority": 1},
]  # fmt: skip


def table(
    kind: kinds.ResourceKind, found: Iterable[kinds.Object], meta: dict[str, Any], include: str = "Metadata"
) -> dict[str, Any]:
    """A Table of objects; `include` is what each row carries of its object: None, Metadata or Object."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": EVENT_COLUMNS if kind is kinds.EVENT else COLUMNS[kind.name],
        "rows": [{"cells": CELLS[kind.name](each), "object": _embedded_object(each, include)} for each in found],
    }


def _embedded_object(found: kinds.Object, include: str) -> Any:
    if include == "None":
        return None
    if include == "Object":
        return found
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": found["metadata"]}


def _port(port: dict[str, Any]) -> str:
    outside = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{outside}/{port['protocol']}"


def _service(found: kinds.Object) -> Row:
    spec = found["spec"]
    waiting = "<pending>" if spec["type"] == "LoadBalancer" else spec.get("externalName") or "<none>"
    outside = ",".join(spec.get("externalIPs") or ()) or waiting
    ports = ",".join(map(_port, spec.get("ports") or ())) or "<none>"
    chosen = ",".join(f"{k}={v}" for k, v in sorted((spec.get("selector") or {}).items())) or "<none>"
    return [
        cells.name(found),
        spec["type"],
        spec.get("clusterIP", "<none>"),
        outside,
        ports,
        cells.age_cell(found),
        chosen,
    ]


def _node(found: kinds.Object) -> Row:
    status, info = found.get("status", {}), found.get("status", {}).get("nodeInfo", {})
    said = ("Ready" if conditions.is_true(found, "Ready") else "NotReady") if status.get("conditions") else "Unknown"
    if found["spec"].get("unschedulable"):
        said += ",SchedulingDisabled"
    roles = sorted(
        k.rpartition("/")[2] for k in found["metadata"].get("labels") or {} if k.startswith("node-role.kubernetes.io/")
    )
    at = {a["type"]: a["address"] for a in status.get("addresses") or ()}
    wide = [at.get("InternalIP", "<none>"), at.get("ExternalIP", "<none>")]
    wide += [info.get(key) or "<unknown>" for key in ("osImage", "kernelVersion", "containerRuntimeVersion")]
    return [
        cells.name(found),
        said,
        ",".join(roles) or "<none>",
        cells.age_cell(found),
        info.get("kubeletVersion", ""),
        *wide,
    ]


def _deployment(found: kinds.Object) -> Row:
    status = found["status"]
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    ready = f"{status.get('readyReplicas', 0)}/{found['spec']['replicas']}"
    return [cells.name(found), ready, *counts, cells.age_cell(found), *cells.template(found), cells.selector(found)]


def _replica_set(found: kinds.Object) -> Row:
    counts = [found["spec"]["replicas"], found["status"].get("replicas", 0), found["status"].get("readyReplicas", 0)]
    return [cells.name(found), *counts, cells.age_cell(found), *cells.template(found), cells.selector(found)]


def _stateful_set(found: kinds.Object) -> Row:
    ready = f"{found['status'].get('readyReplicas', 0)}/{found['spec']['replicas']}"
    return [cells.name(found), ready, cells.age_cell(found), *cells.template(found)]


def _daemon_set(found: kinds.Object) -> Row:
    keys = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    chosen = found["spec"]["template"]["spec"].get("nodeSelector") or {}
    shown = ",".join(f"{k}={v}" for k, v in sorted(chosen.items())) or "<none>"
    counts = [found["status"].get(key, 0) for key in keys]
    return [cells.name(found), *counts, shown, cells.age_cell(found), *cells.template(found), cells.selector(found)]


def _slice(found: kinds.Object) -> Row:
    ports = cells.some([str(p.get("port", "*")) for p in found.get("ports") or ()], "<unset>")
    addresses = cells.some([a for e in found.get("endpoints") or () for a in e["addresses"]], "<unset>")
    return [cells.name(found), found["addressType"], ports, addresses, cells.age_cell(found)]


def _endpoints(found: kinds.Object) -> Row:
    said = [
        f"{a['ip']}:{p['port']}"
        for s in found.get("subsets") or ()
        for p in s.get("ports") or ()
        for a in s.get("addresses") or ()
    ]
    return [cells.name(found), cells.some(said, "<none>"), cells.age_cell(found)]


def _budget(found: kinds.Object) -> Row:
    spec = found["spec"]
    shown = [str(spec.get(key, "N/A")) for key in ("minAvailable", "maxUnavailable")]
    return [cells.name(found), *shown, found["status"].get("disruptionsAllowed", 0), cells.age_cell(found)]


CELLS: dict[str, Callable[[kinds.Object], Row]] = {
    "Pod": cells.pod,
    "Node": _node,
    "Namespace": lambda n: [cells.name(n), n["status"]["phase"], cells.age_cell(n)],
    "Service": _service,
    "Endpoints": _endpoints,
    "Event": cells.event,
    "ConfigMap": lambda c: [
        cells.name(c),
        len(c.get("data") or {}) + len(c.get("binaryData") or {}),
        cells.age_cell(c),
    ],
    "Secret": lambda s: [cells.name(s), s.get("type", "Opaque"), len(s.get("data") or {}), cells.age_cell(s)],
    "ServiceAccount": lambda s: [cells.name(s), len(s.get("secrets") or ()), cells.age_cell(s)],
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "EndpointSlice": _slice,
    "Lease": lambda lease: [cells.name(lease), lease.get("spec", {}).get("holderIdentity", ""), cells.age_cell(lease)],
    "PodDisruptionBudget": _budget,
    "NetworkPolicy": lambda p: [cells.name(p), cells.selected(p["spec"].get("podSelector")), cells.age_cell(p)],
}
