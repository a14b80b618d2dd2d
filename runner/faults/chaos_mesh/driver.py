"""Chaos Mesh as a fault system: what `runner.faults.chaos_mesh.actions` makes in a cluster, whom it hits, and how it is put back.

Light to import: the cluster's client comes with the first question to a cluster.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import error_text, errors
from runner.faults import cluster_api
from runner.faults.chaos_mesh.wanted import NAME
from runner.faults.driver import (
    Activity,
    Evidence,
    FaultTarget,
    Outcome,
    Residue,
    Setting,
    State,
)
from runner.faults.in_cluster import InClusterDriver, InClusterSystem
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.chaos_mesh.api import Api

MODULE = "runner.faults.chaos_mesh.actions"


class Driver(InClusterDriver):
    """Objects of its kinds."""

    name = NAME
    said = "Chaos Mesh"
    modules: Collection[str] = (MODULE,)
    undoes: Collection[str] = (NAME,)
    imports: Collection[str] = ("runner.faults.chaos_mesh.undoing", "runner.faults.kubernetes.client")

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        """Nothing in common: an object hangs at its pod's daemon, and the next may well be deleted."""
        return ()

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(InClusterSystem):
    """The Chaos Mesh of one run's cluster."""

    name = Driver.name

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

        return Api(self._cluster(secrets, hurried=hurried))
