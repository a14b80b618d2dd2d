"""Chaos Mesh as a fault system: what `runner.faults.chaos_mesh.actions` makes in a cluster, whom it hits, and how it is put back.

Light to import: the cluster's client comes with the first question to a cluster.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import error_text, errors
from runner.faults import cluster_api
from runner.faults.base import BaseDriver, BaseSystem
from runner.faults.chaos_mesh.wanted import NAME
from runner.faults.driver import (
    Activity,
    Claim,
    Environment,
    Evidence,
    FaultTarget,
    Outcome,
    Provider,
    Residue,
    Setting,
    State,
    Where,
)
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.chaos_mesh.api import Api

MODULE = "runner.faults.chaos_mesh.actions"
LOOK_S = 20.0
"""What a look may take before its first answer; each undo record takes some more."""


class Driver(BaseDriver):
    """Its objects live in a cluster: the policy is asked about that."""

    name = NAME
    said = "Chaos Mesh"
    undoes: Collection[str] = (NAME,)
    ends_with_target = True
    imports: Collection[str] = ("runner.faults.chaos_mesh.undoing", "runner.faults.kubernetes.client")
    sees_residue = True

    def claims(self, provider: Provider) -> Claim:
        return Claim.YES if provider.get("module") == MODULE else Claim.NO

    def environment(self, provider: Provider, where: Where) -> Environment:
        """The context that the run was handed."""
        return Environment(system="kubernetes", name=where.context)

    def concerns(self, args: Mapping[str, Any]) -> str:
        """`networkchaos/shop/NAME`."""
        return f"{args['resource']}/{args['namespace']}/{args['name']}"

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        return LOOK_S + 5.0 * len(records)

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(BaseSystem):
    """The Chaos Mesh of one run's cluster."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def check(self) -> None:
        """That the cluster serves its kinds."""
        from runner.faults.chaos_mesh import actions

        with cluster_api.told("Chaos Mesh cannot be asked"):
            served = self._api().served()
        if not served:
            raise errors.EnvironmentFailure(actions.not_served())

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """Whom it would select now. Raises EnvironmentFailure for what is not to be asked of any cluster."""
        if activity.provider.get("func") != "inject":
            return None
        from runner.faults.chaos_mesh import resolving

        return resolving.resolve(self._api(activity.secrets), self._setting.run, activity)

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        """By the records of the object, and by what has changed in the pods that they name."""
        from runner.faults.chaos_mesh import resolving

        return resolving.confirm(self._api(activity.secrets), before)

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """Delete the object and wait until it is gone."""
        from runner.faults.chaos_mesh import undoing

        within_s = undoing.AGAIN_S if hurried else undoing.UNDO_S
        try:
            return undoing.end(self._api(hurried=hurried), record.args, within_s=within_s)
        except cluster_api.troubles() as problem:
            return Outcome(state=State.FAILED, error=error_text.sentence(problem))

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """Objects that act, or may act, and rules that pods keep of them."""
        from runner.faults.chaos_mesh import undoing

        return undoing.residue(self._api(), [record.args for record in records], kept)

    def _api(self, secrets: Mapping[str, Any] | None = None, *, hurried: bool = False) -> Api:
        from runner.faults.chaos_mesh.api import Api

        secrets = self._setting.secrets.starting_with("KUBERNETES_") if secrets is None else secrets
        call_s = cluster_api.HURRIED_S if hurried else cluster_api.CALL_S
        return Api(cluster_api.ClusterApi(secrets, call_s=call_s))
