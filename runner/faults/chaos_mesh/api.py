"""The API of Chaos Mesh: its objects in a cluster made, read, listed and deleted, by the same client as everything else there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kubernetes.client.rest import ApiException

from runner.faults import identity
from runner.faults.chaos_mesh.wanted import API, Wanted
from runner.faults.kubernetes.client import CALL_S

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

RULES = ("podnetworkchaos", "podiochaos", "podhttpchaos")
"""In these the controller writes, pod by pod, what its daemon has to keep in force there."""
NOT_FOUND, CONFLICT = 404, 409


def path(plural: str, namespace: str, name: str = "") -> str:
    """Of one object, or of all in a namespace."""
    return f"/apis/{API}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


class Api:
    """The objects of Chaos Mesh in one cluster. Each call raises what the client raises."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def served(self) -> bool:
        """Whether the cluster knows Chaos Mesh's kinds."""
        return self.cluster.read(f"/apis/{API}") is not None

    def create(self, wanted: Wanted, run: str) -> None:
        """Make the object."""
        self._call("POST", path(wanted.plural, wanted.namespace), body=wanted.body(run))

    def read(self, plural: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object as it is now; None where there is none."""
        return self.cluster.read(path(plural, namespace, name))

    def delete(self, plural: str, namespace: str, name: str, uid: str) -> None:
        """Ask for its deletion: of the very object that was looked at, and of no other that has its name by now."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        try:
            self._call("DELETE", path(plural, namespace, name), body=options)
        except ApiException as problem:
            if problem.status not in (NOT_FOUND, CONFLICT):
                raise

    def of_run(self, plural: str, namespace: str, run: str) -> list[dict[str, Any]]:
        """What a run made of one kind."""
        found = self.cluster.read(path(plural, namespace), labelSelector=f"{identity.LABEL}={run}")
        return list((found or {}).get("items") or ())

    def rules(self, namespace: str) -> Iterator[tuple[str, str, list[Mapping[str, Any]]]]:
        """(plural, pod, rules) of each pod in a namespace that has rules in force, or should have."""
        for plural in RULES:
            for item in (self.cluster.read(path(plural, namespace)) or {}).get("items") or ():
                spec = item.get("spec") or {}
                found = [rule for rules in spec.values() if isinstance(rules, list) for rule in rules]
                if found:
                    yield plural, str(item["metadata"]["name"]), [r for r in found if isinstance(r, Mapping)]

    def _call(self, method: str, where: str, body: Any) -> Any:
        return self.cluster.core.api_client.call_api(
            where,
            method,
            body=body,
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            auth_settings=["BearerToken"],
            response_type="object",
            _return_http_data_only=True,
            _request_timeout=CALL_S,
        )
