"""What kube-proxy does on a node: keeps the load balancer's table equal to the services and their ready endpoints."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from pathlib import Path
from typing import Any

from runner.playground import child, conditions, kinds, store
from runner.playground.controllers import endpoints

SCRIPT = Path(__file__).with_name("balancer.py")


class ServiceProxy:
    """The balancer process and the table it was last given."""

    def __init__(self, held: store.ObjectStore) -> None:
        self.store, self._table, self._ending = held, "[]", False
        self._unheard = 0
        self.child = child.PlaygroundChild(SCRIPT, [], self._said, self._ended)
        held.listeners.add(self._heard)

    def _heard(self, change: store.WatchChange) -> None:
        if change.kind in (kinds.SERVICE, kinds.ENDPOINT_SLICE, kinds.POD):
            table = json.dumps(list(rows(self.store)))
            if table != self._table:
                self._table = table
                self._tell()

    def _tell(self) -> None:
        self._unheard += 1
        self.child.write(self._table)

    async def settled(self) -> None:
        """Until the balancer does what the table says."""
        while self._unheard:
            await asyncio.sleep(0.005)

    def stop(self) -> None:
        """The end of the playground."""
        self._ending = True
        self.child.signal(signal.SIGKILL)

    def _said(self, line: str) -> None:
        self._unheard -= 1
        if line != "done []":
            logging.getLogger(__name__).info("balancer: %s", line)

    def _ended(self, code: int) -> None:
        """Somebody ended it: start another with the same table."""
        if self._ending:
            return
        logging.getLogger(__name__).warning("the balancer ended with %s", code)
        self.child, self._unheard = child.PlaygroundChild(SCRIPT, [], self._said, self._ended), 0
        self._tell()


def rows(held: store.ObjectStore) -> list[dict[str, Any]]:
    """A row for each port of each service: where to listen, and the ready pods behind it."""
    found = []
    for service in held.list(kinds.SERVICE):
        spec = service["spec"]
        if not spec.get("selector") or spec.get("clusterIP", "None") == "None" or conditions.leaving(service):
            continue
        pods = [p for p in endpoints.pods_behind(held, service) if conditions.ready(p) and not conditions.leaving(p)]
        for port in (p for p in spec.get("ports") or () if p["protocol"] == "TCP"):
            backends = [[p["status"]["podIP"], number] for p in pods if (number := endpoints.target_port(port, p))]
            found.append({"listen": [spec["clusterIP"], port["port"]], "backends": backends})
            if port.get("nodePort"):
                found.append({"listen": ["127.0.0.1", port["nodePort"]], "backends": backends})
    return found
