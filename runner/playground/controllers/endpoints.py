"""Endpoints and endpoint slices: the addresses behind each service, ready or not."""

from __future__ import annotations

import copy
from typing import Any

from runner.playground import conditions, defaults, kinds, selection, store

ZONE = "topology.kubernetes.io/zone"


def sync(held: store.ObjectStore) -> None:
    """One turn for each service with a selector."""
    for service in held.list(kinds.SERVICE):
        if service["spec"].get("selector") and not conditions.leaving(service):
            pods = pods_behind(held, service)
            _write_endpoints(held, service, pods)
            _write_slice(held, service, pods)
    _forget(held)


def pods_behind(held: store.ObjectStore, service: kinds.Object) -> list[kinds.Object]:
    """The pods of a service that have an address and have not ended."""
    chosen = {"matchLabels": service["spec"]["selector"]}
    pods = held.list(kinds.POD, service["metadata"]["namespace"])
    alive = [p for p in pods if p["status"].get("podIP") and not conditions.is_finished(p)]
    return [pod for pod in alive if selection.selects(chosen, pod["metadata"].get("labels"))]


def target_port(port: dict[str, Any], pod: kinds.Object) -> int | None:
    """The port of a pod a service's port means: a number or the name of a container's port."""
    wanted = port["targetPort"]
    if isinstance(wanted, int):
        return wanted
    named = [p for c in pod["spec"]["containers"] for p in c.get("ports") or () if p.get("name") == wanted]
    return int(named[0]["containerPort"]) if named else None


def _ports(service: kinds.Object, pods: list[kinds.Object]) -> list[dict[str, Any]]:
    found = []
    for port in service["spec"].get("ports") or ():
        number = next((n for n in (target_port(port, pod) for pod in pods) if n), None)
        if number is not None:
            found.append(
                ({"name": port["name"]} if port.get("name") else {}) | {"port": number, "protocol": port["protocol"]}
            )
    return found


def _write_endpoints(held: store.ObjectStore, service: kinds.Object, pods: list[kinds.Object]) -> None:
    here = [pod for pod in pods if not conditions.leaving(pod)]
    parts = {
        "addresses": [_address(pod) for pod in here if conditions.ready(pod)],
        "notReadyAddresses": [_address(pod) for pod in here if not conditions.ready(pod)],
    }
    subset = {key: sorted(found, key=lambda a: str(a["ip"])) for key, found in parts.items() if found}
    body: dict[str, Any] = {"subsets": [subset | {"ports": _ports(service, here)}]} if subset else {}
    meta = service["metadata"]
    labels = dict(meta.get("labels") or {}) | {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}
    present = held.get(kinds.ENDPOINTS, meta["namespace"], meta["name"])
    if present is None:
        new = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
        }
        present = held.create(new | {"metadata": new["metadata"] | {"labels": labels}})  # type: ignore[operator]
    fresh = {k: copy.deepcopy(v) for k, v in present.items() if k != "subsets"} | body
    held.update(fresh)


def _address(pod: kinds.Object) -> dict[str, Any]:
    meta = pod["metadata"]
    target = {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
    return {"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": target}


def _write_slice(held: store.ObjectStore, service: kinds.Object, pods: list[kinds.Object]) -> None:
    meta = service["metadata"]
    mine = (s for s in held.list(kinds.ENDPOINT_SLICE, meta["namespace"]) if _service_of(s) == meta["name"])
    present = next(mine, None)
    if present is None:
        labels = dict(meta.get("labels") or {}) | {
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            "kubernetes.io/service-name": meta["name"],
        }
        name = {
            "name": f"{meta['name']}-{defaults.suffix()}",
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
        }
        new = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4"}
        owned = name | {"labels": labels, "ownerReferences": [kinds.reference_to(service)]}
        present = held.create(new | {"metadata": owned, "endpoints": [], "ports": []})
    fresh = copy.deepcopy(present)
    fresh |= {"endpoints": [_endpoint(held, pod) for pod in pods], "ports": _ports(service, pods)}
    held.update(fresh)


def _service_of(found: kinds.Object) -> str | None:
    return (found["metadata"].get("labels") or {}).get("kubernetes.io/service-name")


def _endpoint(held: store.ObjectStore, pod: kinds.Object) -> dict[str, Any]:
    leaving, up = conditions.leaving(pod), conditions.ready(pod)
    node = held.get(kinds.NODE, "", pod["spec"]["nodeName"]) or {"metadata": {}}
    zone = (node["metadata"].get("labels") or {}).get(ZONE)
    address = _address(pod)
    return {
        "addresses": [address["ip"]],
        "conditions": {"ready": up and not leaving, "serving": up, "terminating": leaving},
        "nodeName": address["nodeName"],
        "targetRef": address["targetRef"],
    } | ({"zone": zone} if zone else {})


def _forget(held: store.ObjectStore) -> None:
    """Endpoints have no owner: they go with the service of their name."""
    for found in held.list(kinds.ENDPOINTS):
        meta = found["metadata"]
        ours = "endpoints.kubernetes.io/managed-by" in (meta.get("labels") or {})
        if ours and held.get(kinds.SERVICE, meta["namespace"], meta["name"]) is None:
            held.remove(found)
