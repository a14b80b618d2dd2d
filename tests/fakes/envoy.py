"""The admin interface of a caller's Envoy in a mesh, as far as faults go: it has what the VirtualServices of a KubeApi say.

Names of figures and filter: shared reference ground (Istio control plane), as a stock Envoy 1.40 has them that istiod programmed.
A fault without a percentage injects nothing (shared reference drivers, 7).
Between two looks at its figures somebody calls each of its routes once.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.kube_api import KubeApi
from tests.fakes.listening import Quiet, listening


@dataclass
class Envoy:
    """What it has counted."""

    api: KubeApi
    told_of: Collection[str]
    """Paths of the VirtualServices by which it calls."""
    deaf: bool = False
    """Whether the control plane does not reach it."""
    counted: dict[str, int] = field(default_factory=lambda: {"abort": 0, "delay": 0})

    def stats(self) -> str:
        """As `/stats?filter=fault` prints them."""
        for _, _, fault in self.faults():
            for kind, what in fault.items():
                self.counted[kind] += bool((what.get("percentage") or {}).get("value"))
        listener = "http.outbound.fault"
        return "".join(f"{listener}.{kind}s_injected: {n}\n" for kind, n in self.counted.items())

    def faults(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Path of the VirtualService, route and its fault."""
        found = [(path, self.api.objects[path]) for path in self.told_of if path in self.api.objects and not self.deaf]
        routes = [(path, route) for path, service in found for route in service["spec"].get("http") or ()]
        return [(path, str(route.get("name") or ""), route["fault"]) for path, route in routes if route.get("fault")]

    def config(self) -> dict[str, Any]:
        """As `/config_dump?resource=dynamic_route_configs` has it."""
        routes = [
            {
                "name": name,
                "metadata": {
                    "filter_metadata": {"istio": {"config": path.replace("virtualservices", "virtual-service")}}
                },
                "typed_per_filter_config": {"envoy.filters.http.fault": {"@type": "HTTPFault", **fault}},
            }
            for path, name, fault in self.faults()
        ]
        return {"configs": [{"route_config": {"name": "80", "virtual_hosts": [{"routes": routes}]}}]}


@contextlib.contextmanager
def serving(envoy: Envoy) -> Iterator[str]:
    """The address of its admin interface."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            stats = self.path.startswith("/stats")
            self.answer((envoy.stats() if stats else json.dumps(envoy.config())).encode())

    with listening(Handler) as url:
        yield url
