"""The API of Chaos Mesh: its objects in a cluster made, read, listed and deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from runner.faults import identity
from runner.faults.chaos_mesh.wanted import API, Wanted
from runner.faults.cluster_api import ClusterApi

RULES = ("podnetworkchaos", "podiochaos", "podhttpchaos")
"""In these the controller writes, pod by pod, what its daemon has to keep in force there."""


class NotAllowed(Exception):
    """We may not look there."""


def path(plural: str, namespace: str, name: str = "") -> str:
    """Of one object, or of all in a namespace."""
    return f"/apis/{API}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


class Api:
    """The objects of Chaos Mesh in one cluster. Each call raises what the client raises."""

    def __init__(self, cluster: ClusterApi) -> None:
        self.cluster = cluster

    def served(self) -> bool:
        """Whether the cluster knows Chaos Mesh's kinds."""
        return self.cluster.get(f"/apis/{API}") is not None

    def create(self, wanted: Wanted, run: str) -> None:
        """Make the object."""
        self.cluster.create(path(wanted.plural, wanted.namespace), wanted.body(run))

    def read(self, plural: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object as it is now; None where there is none."""
        return self.cluster.get(path(plural, namespace, name))

    def delete(self, plural: str, namespace: str, name: str, uid: str) -> None:
        """Ask for its deletion: of the very object that was looked at, and of no other that has its name by now."""
        from kubernetes.client.rest import ApiException

        try:
            self.cluster.delete(path(plural, namespace, name), uid=uid)
        except ApiException as problem:
            if problem.status != HTTPStatus.CONFLICT:
                raise

    def of_run(self, plural: str, namespace: str, run: str) -> list[dict[str, Any]]:
        """What a run made of one kind."""
        return self.cluster.items(path(plural, namespace), labelSelector=f"{identity.LABEL}={run}")

    def rules(self, namespace: str) -> Iterator[tuple[str, str, list[Mapping[str, Any]]]]:
        """(plural, pod, rules) of each pod in a namespace that has rules in force, or should have. Raises NotAllowed."""
        for plural in RULES:
            for item in self._listed(plural, namespace):
                spec = item.get("spec") or {}
                found = [rule for rules in spec.values() if isinstance(rules, list) for rule in rules]
                if found:
                    yield plural, str(item["metadata"]["name"]), [r for r in found if isinstance(r, Mapping)]

    def _listed(self, plural: str, namespace: str) -> list[dict[str, Any]]:
        from kubernetes.client.rest import ApiException

        try:
            return self.cluster.items(path(plural, namespace))
        except ApiException as problem:
            if problem.status == HTTPStatus.FORBIDDEN:
                raise NotAllowed(f"{plural} of {namespace}: not allowed to look") from None
            raise
