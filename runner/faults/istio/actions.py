"""Actions: faults that Istio injects between services, for the method and the rollbacks of an experiment; plain `chaos run` calls them too.

The fault sits in the proxies of those who call, for one route of a VirtualService. Istio switches the route's own time-outs and retries off
while it lasts: what is tested is how the calling application bears it. Nothing ends it by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner import errors
from runner.faults import identity
from runner.faults.cluster_api import ClusterApi
from runner.faults.istio import route_fault, routes
from runner.faults.istio.proxy import TAKES_S, Proxy
from runner.faults.istio.route_fault import RouteFault
from runner.faults.istio.virtual_services import VirtualServices

Secrets = Mapping[str, Any] | None


def inject_abort(
    virtual_service: str,
    ns: str = "default",
    route: str = "",
    http_status: int = 500,
    percentage: float = 100,
    headers: Mapping[str, str] | None = None,
    proxy_admin: str = "",
    secrets: Secrets = None,
) -> dict[str, Any]:
    """Answer a percentage of the requests of one route with `http_status` instead of sending them on."""
    given = {"http_status": http_status, "percentage": percentage, "headers": headers, "proxy_admin": proxy_admin}
    where = {"virtual_service": virtual_service, "ns": ns, "route": route}
    return _inject(route_fault.of("inject_abort", {**where, **given}), secrets)


def inject_delay(
    virtual_service: str,
    fixed_delay: str,
    ns: str = "default",
    route: str = "",
    percentage: float = 100,
    headers: Mapping[str, str] | None = None,
    proxy_admin: str = "",
    secrets: Secrets = None,
) -> dict[str, Any]:
    """Let a percentage of the requests of one route wait for `fixed_delay`, such as 500ms, before they are sent on."""
    given = {"fixed_delay": fixed_delay, "percentage": percentage, "headers": headers, "proxy_admin": proxy_admin}
    where = {"virtual_service": virtual_service, "ns": ns, "route": route}
    return _inject(route_fault.of("inject_delay", {**where, **given}), secrets)


def remove_fault(virtual_service: str, ns: str = "default", secrets: Secrets = None) -> dict[str, Any]:
    """Take out every fault that this run has put into a VirtualService, and give its routes what they had before."""
    services = VirtualServices(ClusterApi(secrets))
    found = services.read(ns, virtual_service)
    mine = routes.of_run(found, identity.run_id()) if found else []
    removed = [one.place.called for one in mine if services.take_out(ns, virtual_service, one)]
    return {"virtual_service": f"{ns}/{virtual_service}", "routes": removed}


def _inject(wanted: RouteFault, secrets: Secrets) -> dict[str, Any]:
    """The API server has taken it when this returns; where a proxy is named, that proxy has it too."""
    services = VirtualServices(ClusterApi(secrets))
    services.put_in(wanted, wanted.marker(identity.run_id()))
    told = {"virtual_service": f"{wanted.ns}/{wanted.virtual_service}", "fault": dict(wanted.fault)}
    if not wanted.proxy_admin:
        return {**told, "taken_by": "the API server; whether any proxy injects it is not known"}
    if not Proxy(wanted.proxy_admin).waits_for(wanted.kind, f"{wanted.ns}/{wanted.virtual_service}"):
        raise errors.EnvironmentFailure(
            f"the {wanted.called} has the fault, but within {TAKES_S:g} s the proxy at {wanted.proxy_admin} was not told of it: "
            "it does not call by this route, or istiod does not reach it"
        )
    return {**told, "taken_by": f"the proxy at {wanted.proxy_admin}"}
