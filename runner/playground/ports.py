"""Addresses of services: a ClusterIP of our own loopback range and a NodePort that is free on this machine."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from typing import Any

from runner.playground import kinds, refusal, store

RANGE = range(30000, 32768)
FIRST = 30777
"""Where the search begins: away from the ports that manifests ask for."""
OUTSIDE = 250
"""From this number on, addresses of the services' range belong to what is no service of the cluster."""
CLAIMS = "127.255.255.254"
"""Of two playgrounds that find a port free at the same moment one can bind it here, and that one has it."""


@dataclass
class Ports:
    """What services are given. `prefix` is the range of ClusterIPs: `127.77.3` gives 127.77.3.1 and on."""

    store: store.ObjectStore
    prefix: str
    claims: dict[int, socket.socket] = field(default_factory=dict)
    """NodePorts that are ours until we end, whoever ends us."""

    def assign(self, service: kinds.Object, before: kinds.Object | None) -> None:
        """Set clusterIP and nodePorts in place; raises the 422 for a nodePort another service has."""
        spec = service["spec"]
        if spec["type"] == "ExternalName":
            return
        spec["clusterIP"] = spec.get("clusterIP") or self._address()
        spec["clusterIPs"] = [spec["clusterIP"]]
        if spec["type"] in ("NodePort", "LoadBalancer"):
            for number, port in enumerate(spec.get("ports") or ()):
                port["nodePort"] = self._node_port(service, before, number, port)

    def keep(self, service: kinds.Object, before: kinds.Object) -> None:
        """An update that says nothing about addresses keeps them."""
        spec, old = service.setdefault("spec", {}), before["spec"]
        if old.get("clusterIP") and not spec.get("clusterIP") and spec.get("type") != "ExternalName":
            spec["clusterIP"] = old["clusterIP"]
        held = {port["port"]: port.get("nodePort") for port in old.get("ports") or ()}
        for port in spec.get("ports") or ():
            if spec.get("type", "ClusterIP") != "ClusterIP" and not port.get("nodePort") and held.get(port.get("port")):
                port["nodePort"] = held[port["port"]]

    def _address(self) -> str:
        taken = {s["spec"].get("clusterIP") for s in self.store.list(kinds.SERVICE)}
        return next(a for a in (f"{self.prefix}.{n}" for n in range(1, OUTSIDE)) if a not in taken)

    def _node_port(self, service: kinds.Object, before: kinds.Object | None, number: int, port: dict[str, Any]) -> int:
        """The asked port; where the machine has given it away (a real cluster, another playground), one that is free."""
        wanted: int | None = port.get("nodePort")
        held = self._held(before)
        if wanted in held:
            return wanted
        uid = service["metadata"].get("uid")
        others = {
            p.get("nodePort")
            for s in self.store.list(kinds.SERVICE)
            if s["metadata"]["uid"] != uid
            for p in s["spec"].get("ports") or ()
        }
        if wanted in others:
            cause = refusal.invalid_value(
                f"spec.ports[{number}].nodePort", str(wanted), "provided port is already allocated"
            )
            raise refusal.invalid(kinds.SERVICE, service["metadata"]["name"], [cause])
        if wanted and self._claimed(wanted):
            return wanted
        if held:
            return held[min(number, len(held) - 1)]
        candidates: tuple[int, ...] = (*range(FIRST, RANGE.stop), *RANGE)
        return next(p for p in candidates if p not in others and self._claimed(p))

    def _claimed(self, port: int) -> bool:
        """Whether a port is ours from now on: no other playground has it or is about to, and what is sent there arrives."""
        if port in self.claims:
            return is_free(port)
        claim = socket.socket()
        try:
            claim.bind((CLAIMS, port))
        except OSError:
            claim.close()
            return False
        if not is_free(port):
            claim.close()
            return False
        self.claims[port] = claim
        return True

    def _held(self, before: kinds.Object | None) -> list[int]:
        return [int(p["nodePort"]) for p in (before or {"spec": {}})["spec"].get("ports") or () if p.get("nodePort")]


def is_free(port: int) -> bool:
    """Whether we may listen at a port of 127.0.0.1 and whoever connects there reaches us.

    A real cluster's kube-proxy holds no socket: its rules take what is sent to a NodePort elsewhere, or refuse it.
    """
    with socket.socket() as listener, socket.socket() as line:
        # Neither what an earlier playground's users left in TIME_WAIT nor our own look is in the way.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.settimeout(0.2)
        listener.setblocking(False)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(1)
            line.connect(("127.0.0.1", port))
            accepted, peer = listener.accept()
        except OSError:
            return False
        accepted.close()
        return bool(peer == line.getsockname())
