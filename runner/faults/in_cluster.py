"""What the fault systems that live in a cluster as custom objects have in common: where they act, and how the cluster is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.faults import cluster_api
from runner.faults.base import BaseDriver, BaseSystem
from runner.faults.driver import Environment, FaultTarget, Provider, Setting, Where
from runner.rundir.ledger import UndoRecord

LOOK_S, EACH_S = 20.0, 5.0
"""What a look may take before its first answer, an import among it, and some more for each undo record."""


class InClusterDriver(BaseDriver):
    """Its environment is the cluster: the policy is asked about that."""

    ends_with_target = True
    sees_residue = True

    def environment(self, provider: Provider, where: Where) -> Environment:
        """The context that the run was handed."""
        return Environment(system="kubernetes", name=where.context)

    def concerns(self, args: Mapping[str, Any]) -> str:
        """`RESOURCE/NAMESPACE/NAME`."""
        return f"{args['resource']}/{args['namespace']}/{args['name']}"

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        """There is one API server."""
        return (self.name,)

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        return LOOK_S + EACH_S * len(records)


class InClusterSystem(BaseSystem):
    """One run's cluster."""

    name = ""
    """The driver's."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """Its targets: what they had before stands in the undo records. Without a snapshot nobody would ask for residue."""
        targets = [target for action in actions if action.system == self.name for target in action.targets]
        return {"objects": targets} if targets else {}

    def _cluster(self, secrets: Mapping[str, Any] | None = None, *, hurried: bool = False) -> cluster_api.ClusterApi:
        """`secrets`: an activity's own, in place of the run's."""
        secrets = self._setting.secrets.starting_with("KUBERNETES_") if secrets is None else secrets
        return cluster_api.ClusterApi(secrets, call_s=cluster_api.HURRIED_S if hurried else cluster_api.CALL_S)
