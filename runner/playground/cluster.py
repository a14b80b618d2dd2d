"""The cluster that is there before anybody applies anything: namespaces, three nodes in three zones, their addresses."""

from __future__ import annotations

import os
import platform
import random
import socket
from typing import Any

from runner import errors
from runner.playground import store

NODES = ("worker1", "worker2", "worker3")
ZONES = ("zone-a", "zone-b", "zone-c")
KUBELET_PORT = 10250


class Addresses:
    """A block of loopback addresses of our own: `127.A.B+n` for node n and, last, for services.

    Held by a listening socket on each node's address, so that two playgrounds on one machine never share one.
    """

    def __init__(self) -> None:
        for _ in range(50):
            second, third = random.randrange(64, 250), random.randrange(0, 250, 4)
            self.prefixes = [f"127.{second}.{third + n}" for n in range(4)]
            try:
                self.claims = [_reserve_address(f"{prefix}.1") for prefix in self.prefixes[:3]]
            except OSError:
                continue
            self.nodes = dict(zip(NODES, self.prefixes, strict=False))
            self.services = self.prefixes[3]
            self.database, self.to_database = (f"{self.services}.{n}" for n in (253, 254))
            return
        raise errors.EnvironmentFailure(
            "no loopback addresses to give to pods",
            hint="the playground needs Linux, where all of 127.0.0.0/8 is the machine itself",
        )


def _reserve_address(address: str) -> socket.socket:
    held = socket.socket()
    try:
        held.bind((address, KUBELET_PORT))
        held.listen(1)
    except OSError:
        held.close()
        raise
    return held


def create_base_objects(held: store.ObjectStore, addresses: Addresses) -> None:
    """Create the namespaces and the nodes."""
    for name in ("default", "kube-node-lease", "kube-public", "kube-system"):
        meta = {"name": name, "labels": {"kubernetes.io/metadata.name": name}}
        spec, status = {"finalizers": ["kubernetes"]}, {"phase": "Active"}
        held.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta, "spec": spec, "status": status})
    for name, zone in zip(NODES, ZONES, strict=True):
        held.create(_node(name, zone, f"{addresses.nodes[name]}.1"))
        meta = {"name": name, "namespace": "kube-node-lease"}
        lease = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": store.now_micro()}
        held.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": lease})


def _node(name: str, zone: str, address: str) -> dict[str, Any]:
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    labels = {
        f"{prefix}kubernetes.io/{key}": value
        for prefix in ("beta.", "")
        for key, value in (("arch", arch), ("os", "linux"))
    }
    labels |= {
        "kubernetes.io/hostname": name,
        "topology.kubernetes.io/region": "local",
        "topology.kubernetes.io/zone": zone,
    }
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    amount = {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{memory}Ki",
        "pods": "60",
    }
    info = {
        "architecture": arch, "operatingSystem": "linux", "osImage": "chaos-run playground", "kernelVersion": platform.release(),
        "containerRuntimeVersion": "process://1", "kubeletVersion": "v1.34.4", "kubeProxyVersion": "", "machineID": name,
        "bootID": name, "systemUUID": name,
    }  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "capacity": amount,
            "allocatable": amount,
            "conditions": [_condition(*row) for row in _CONDITIONS],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
            "nodeInfo": info,
        },
    }


_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def _condition(type: str, status: str, reason: str, message: str) -> dict[str, str]:
    at = store.now()
    return {
        "type": type, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": at, "lastTransitionTime": at,
    }  # fmt: skip
