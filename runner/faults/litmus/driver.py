"""Litmus as a fault system: a ChaosEngine of the run's own, which ends by its duration or is stopped."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import error_text, errors
from runner.faults.base import BaseDriver, BaseSystem
from runner.faults.driver import (
    Activity,
    Claim,
    Environment,
    Evidence,
    FaultTarget,
    Outcome,
    Owner,
    Provider,
    Residue,
    Setting,
    State,
    UndoStep,
    Where,
    unknown,
)
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.litmus.chaos_engine import Wanted
    from runner.faults.litmus.engines import Engine, Engines

MODULE = "runner.faults.litmus.actions"
RECORD = "litmus-engine"
LOOK_S = 20.0
"""An import, and a few questions for each engine."""


class Driver(BaseDriver):
    """Its environment is the cluster."""

    name = "litmus"
    said = "Litmus"
    undoes: Collection[str] = (RECORD,)
    ends_with_target = True
    imports: Collection[str] = ("runner.faults.kubernetes.client", "runner.faults.litmus.engines")
    sees_residue = True

    def claims(self, provider: Provider) -> Claim:
        return Claim.YES if provider.get("module") == MODULE else Claim.NO

    def environment(self, provider: Provider, where: Where) -> Environment:
        return Environment(system="kubernetes", name=where.context)

    def concerns(self, args: Mapping[str, Any]) -> str:
        """`chaosengines/NAMESPACE/NAME`."""
        return f"{args['resource']}/{args['namespace']}/{args['name']}"

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        """There is one API server."""
        return (self.name,)

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        return LOOK_S

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(BaseSystem):
    """Litmus in one run's cluster."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def check(self) -> None:
        """That the cluster lets us in and knows Litmus."""
        self._engines().check()

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """The pods that the label selects; of a fault of nodes the node that it names."""
        from runner.faults.litmus import chaos_engine

        if activity.provider.get("func") != "run_fault":
            return None
        wanted, engines = chaos_engine.of(activity.arguments), self._engines()
        engines.require_experiment(wanted)
        pods = engines.pods(wanted) if wanted.app_label else {}
        targets = tuple(f"pod/{wanted.ns}/{name}" for name in pods)
        if not wanted.app_label:
            if not wanted.node:
                return unknown(activity.name, system=Driver.name, scopes=(wanted.ns,), note="it names no TARGET_NODE")
            targets = (f"node/{wanted.node}",)
        if not targets:
            note = f"no pod of {wanted.ns} has the label {wanted.app_label}"
            return self._target(activity.name, wanted, (), note, {})
        return self._target(activity.name, wanted, targets, _share(wanted, len(targets)), pods)

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """Its targets: what they had before stands in the undo records. Without a snapshot nobody would ask for residue."""
        targets = [target for action in actions if action.system == Driver.name for target in action.targets]
        return {"objects": targets} if targets else {}

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        """By the pods' UIDs where they are deleted, else by the marks that Litmus sets target by target; never by its verdict."""
        from runner.faults.litmus import effect

        return effect.seen(self._engines(), _engine(before.before["args"]), before)

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """Stop the engine, wait until its pods are gone, take it and its result away."""
        from runner.faults.litmus import engines

        try:
            within_s = engines.HURRIED_S if hurried else engines.ENDS_S
            ended = self._engines(hurried=hurried).end(_engine(record.args), within_s)
        except errors.EnvironmentFailure as problem:
            return Outcome(state=State.FAILED, error=error_text.sentence(problem))
        return Outcome(state=State.UNDONE if ended else State.ALREADY)

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """Whether an engine of this run may still act. Objects that only lie there are the Kubernetes driver's to find."""
        engines, found = self._engines(), Residue()
        for record in records:
            called, acting = Driver().concerns(record.args), tuple(engines.acting(_engine(record.args)))
            if not acting:
                found += Residue(cleared=(f"{called} does nothing any more",))
            elif kept.names is None or called in kept.names:
                found += Residue(meant=acting)
            else:
                found += Residue(residue=acting)
        return found

    def _target(
        self, action: str, wanted: Wanted, targets: tuple[str, ...], note: str, pods: Mapping[str, str]
    ) -> FaultTarget:
        from runner.faults.litmus.chaos_engine import KILLS

        name = wanted.engine(self._setting.run)
        args = {"resource": "chaosengines", "namespace": wanted.ns, "name": name, "fault": wanted.fault}
        undo = UndoStep(kind=RECORD, what=f"stop Litmus' {wanted.fault} in {wanted.ns} and take it away", args=args)
        return FaultTarget(
            action=action,
            system=Driver.name,
            kind="killed" if wanted.fault in KILLS else "injected",
            targets=targets,
            note=note,
            scopes=(wanted.ns,),
            objects=(Driver().concerns(args), f"chaosresults/{wanted.ns}/{name}-{wanted.fault}") if targets else (),
            owner=Owner.SYSTEM,
            undo=(undo,) if targets else (),
            before={"args": args, "uids": dict(pods)},
            ttl_s=wanted.duration_s,
        )

    def _engines(self, *, hurried: bool = False) -> Engines:
        from runner.faults import cluster_api
        from runner.faults.litmus.engines import Engines

        secrets = self._setting.secrets.starting_with("KUBERNETES_")
        call_s = cluster_api.HURRIED_S if hurried else cluster_api.CALL_S
        return Engines(cluster_api.ClusterApi(secrets, call_s=call_s))


def _share(wanted: Wanted, count: int) -> str:
    """How many of the candidates it takes: Litmus takes one where nothing is said."""
    share = wanted.env.get("PODS_AFFECTED_PERC") or "0"
    if wanted.env.get("TARGET_PODS"):
        return f"{wanted.env['TARGET_PODS']} of {count} pods"
    return f"one of {count} pods" if share == "0" else f"{share} % of {count} pods"


def _engine(args: Mapping[str, Any]) -> Engine:
    from runner.faults.litmus.engines import Engine

    return Engine(ns=args["namespace"], name=args["name"], fault=args["fault"])
