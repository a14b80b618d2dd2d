"""Proxy: what one caller's Envoy says of the faults it injects, by its admin interface. The only witness that the mesh itself has.

A fault is injected by the proxies of the callers, after the API server has long accepted it. Envoy counts injected aborts and delays for
each of its listeners, not for each route: the count proves one route's fault only where no other route has a fault of that kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runner import clock, errors
from runner.faults.istio.route_fault import ABORT

ANSWER_S = 5.0
TAKES_S = 10.0
"""How long the control plane may take to tell a proxy of a changed route."""
FILTER = "envoy.filters.http.fault"


@dataclass(frozen=True)
class Proxy:
    """One Envoy, by the address of its admin interface: `kubectl port-forward deploy/CALLER 15000` opens it in a mesh."""

    admin: str

    def injected(self, kind: str) -> int:
        """How many aborts or delays it has injected since it started. Raises EnvironmentFailure."""
        counter = ".fault.aborts_injected" if kind == ABORT else ".fault.delays_injected"
        lines = (line.rpartition(":") for line in self._text("/stats?filter=fault").splitlines())
        return sum(int(value) for name, _, value in lines if name.endswith(counter) and value.strip().isdecimal())

    def faulty(self, kind: str) -> set[str]:
        """The VirtualServices, `shop/storefront`, by which it has a fault of this kind; of one that names none, where it stands."""
        document = json.loads(self._text("/config_dump?resource=dynamic_route_configs"))
        return {_origin(route) for route in _routes(document) if kind in _fault(route)}

    def waits_for(self, kind: str, virtual_service: str) -> bool:
        """Whether it comes to have the fault within `TAKES_S`. Raises EnvironmentFailure."""
        return clock.poll_until(lambda: virtual_service in self.faulty(kind), TAKES_S, 0.1)

    def _text(self, path: str) -> str:
        import httpx

        try:
            answer = httpx.get(f"{self.admin}{path}", timeout=ANSWER_S)
            answer.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise errors.EnvironmentFailure(
                f"the admin interface of the proxy at {self.admin} does not answer: {problem}",
                hint="kubectl port-forward deploy/CALLER 15000 opens that of a calling workload",
            ) from None
        return answer.text


def _routes(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for config in document.get("configs") or ():
        for host in (config.get("route_config") or {}).get("virtual_hosts") or ():
            yield from host.get("routes") or ()


def _fault(route: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (route.get("typed_per_filter_config") or {}).get(FILTER) or {}
    return found


def _origin(route: Mapping[str, Any]) -> str:
    """By istiod's own note: `/apis/networking.istio.io/v1/namespaces/shop/virtual-service/storefront`."""
    written = ((route.get("metadata") or {}).get("filter_metadata") or {}).get("istio") or {}
    parts = str(written.get("config") or "").split("/")
    return f"{parts[-3]}/{parts[-1]}" if len(parts) > 3 else f"a route named {route.get('name')!r}"
