"""Virtual services: read, given a fault and given back what they had, through the API server, whoever else edits them meanwhile."""

from __future__ import annotations

from runner import errors
from runner.faults.cluster_api import ClusterApi, Object, told
from runner.faults.istio import routes
from runner.faults.istio.route_fault import RouteFault
from runner.faults.istio.routes import Remembered

GROUP = "networking.istio.io"
PLURAL = "virtualservices"


class VirtualServices:
    """Those of one cluster, in the version that it prefers."""

    def __init__(self, api: ClusterApi) -> None:
        """Raises EnvironmentFailure where the cluster does not know Istio."""
        self._api = api
        with told("Istio's part of the API cannot be read"):
            group = api.get(f"/apis/{GROUP}")
        if group is None:
            raise errors.EnvironmentFailure(f"Istio is not installed: the cluster does not serve {GROUP}")
        self._base = f"/apis/{group['preferredVersion']['groupVersion']}"

    def path(self, ns: str, name: str) -> str:
        return f"{self._base}/namespaces/{ns}/{PLURAL}/{name}"

    def read(self, ns: str, name: str) -> Object | None:
        """None where there is no such VirtualService. Raises EnvironmentFailure."""
        with told(f"the virtual service {ns}/{name} cannot be read"):
            return self._api.get(self.path(ns, name))

    def put_in(self, wanted: RouteFault, marker: str) -> None:
        """Give the route its fault. Raises EnvironmentFailure: no such route, an earlier fault in it, or the API server's refusal."""
        try:
            with told(f"no fault was put into the {wanted.called}"):
                path = self.path(wanted.ns, wanted.virtual_service)
                there = self._api.change(path, lambda found: routes.put_in(found, wanted, marker))
        except routes.NoRoute as problem:
            raise errors.EnvironmentFailure(f"no fault was put in: {problem}") from None
        except routes.Taken as problem:
            raise errors.EnvironmentFailure(
                f"no fault was put in: {problem}", hint="chaos-run recover puts back what a run has left"
            ) from None
        if there is None:
            raise errors.EnvironmentFailure(f"no fault was put in: there is no {wanted.called}")

    def take_out(self, ns: str, name: str, mine: Remembered) -> bool:
        """Whether a fault of ours was in the route, and is taken out. Raises EnvironmentFailure, also where it is unclear which route."""
        acted = False

        def decide(found: Object) -> list[routes.Operation]:
            nonlocal acted
            acted = routes.acts(found, mine)
            return routes.take_out(found, mine)

        try:
            with told(f"the fault is still in the virtual service {ns}/{name}"):
                there = self._api.change(self.path(ns, name), decide)
        except routes.Unclear as several:
            raise errors.EnvironmentFailure(unclear(ns, name, str(several))) from None
        return bool(there) and acted


def unclear(ns: str, name: str, several: str) -> str:
    """What a person has to do where several routes have a fault of ours, and its own is not known any more."""
    return (
        f"the virtual service {ns}/{name} was edited meanwhile, and its routes {several} all have the fault of this run: "
        f"take it out of them (kubectl edit virtualservice {name} -n {ns}), then chaos-run recover"
    )
