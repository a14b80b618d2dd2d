"""What kube-proxy does on a node: keeps the load balancer's table equal to the services, their ready endpoints and their toxics."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runner.playground import child, conditions, kinds, links, store
from runner.playground.controllers import endpoints

SCRIPT = Path(__file__).with_name("balancer.py")


class ServiceProxy:
    """The balancer process and the table it was last given."""

    def __init__(self, held: store.ObjectStore, outside: Sequence[dict[str, Any]] = ()) -> None:
        """`outside`: rows of what is no service of the cluster."""
        self.store, self._outside, self._table, self._ending = held, outside, "[]", False
        self.links = links.Links(self.addresses, self.renewed)
        self._unheard = 0
        self.child = child.PlaygroundChild(SCRIPT, [], self._said, self._ended)
        held.listeners.add(self._heard)

    def _heard(self, change: store.WatchChange) -> None:
        if change.kind in (kinds.SERVICE, kinds.ENDPOINT_SLICE, kinds.POD):
            self._renew()

    async def renewed(self) -> None:
        """Make true what was changed in the links."""
        self._renew()
        await self.settled()

    def addresses(self) -> dict[str, tuple[str, str]]:
        """Where each link listens and where it leads, by its name; of several places the one that can be reached from outside."""
        return {row["name"]: (_said(row["listen"]), row["upstream"]) for row in self._rows()}

    def _rows(self) -> Iterator[dict[str, Any]]:
        yield from self._outside
        yield from rows(self.store)

    def _renew(self) -> None:
        found = [row | self._state(row["name"]) for row in self._rows()]
        table = json.dumps(found)
        if table != self._table:
            self._table = table
            self._tell()

    def _state(self, name: str) -> dict[str, Any]:
        link = self.links.of(name)
        return {"enabled": link.enabled, "toxics": link.toxics}

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


def rows(held: store.ObjectStore) -> Iterator[dict[str, Any]]:
    """A row for each port of each service: its link's name, where to listen, and the ready pods behind it."""
    for service in held.list(kinds.SERVICE):
        spec = service["spec"]
        if not spec.get("selector") or spec.get("clusterIP", "None") == "None" or conditions.leaving(service):
            continue
        pods = [p for p in endpoints.pods_behind(held, service) if conditions.ready(p) and not conditions.leaving(p)]
        for port in (p for p in spec.get("ports") or () if p["protocol"] == "TCP"):
            backends = [[p["status"]["podIP"], number] for p in pods if (number := endpoints.target_port(port, p))]
            row = {"name": _name(service, port), "upstream": _upstream(service, port), "backends": backends}
            yield row | {"listen": [spec["clusterIP"], port["port"]]}
            if port.get("nodePort"):
                yield row | {"listen": ["127.0.0.1", port["nodePort"]]}


def _name(service: kinds.Object, port: dict[str, Any]) -> str:
    """`shop` in the namespace of that name and in `default`, else `shop.namespace`; further ports by their names."""
    meta, ports = service["metadata"], service["spec"]["ports"]
    name = str(meta["name"])
    name += "" if meta["namespace"] in (name, "default") else f".{meta['namespace']}"
    return name if port == ports[0] else f"{name}-{port.get('name') or port['port']}"


def _upstream(service: kinds.Object, port: dict[str, Any]) -> str:
    return f"{service['metadata']['name']}.{service['metadata']['namespace']}:{port['port']}"


def _said(address: list[Any]) -> str:
    return f"{address[0]}:{address[1]}"
