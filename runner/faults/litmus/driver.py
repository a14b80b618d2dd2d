"""Litmus as a fault system: a ChaosEngine of the run's own, which ends by its duration or is stopped."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import error_text, errors
from runner.faults.driver import (
    Activity,
    Evidence,
    FaultTarget,
    Outcome,
    Owner,
    Residue,
    Setting,
    State,
    UndoStep,
    unknown,
)
from runner.faults.in_cluster import InClusterDriver, InClusterSystem
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.litmus.chaos_engine import Wanted
    from runner.faults.litmus.engines import Engine, Engines

MODULE = "runner.faults.litmus.actions"
RECORD = "litmus-engine"


class Driver(InClusterDriver):
    """Chaos engines, each with pods of its own that do it."""

    name = "litmus"
    said = "Litmus"
    modules: Collection[str] = (MODULE,)
    undoes: Collection[str] = (RECORD,)
    imports: Collection[str] = ("runner.faults.kubernetes.client", "runner.faults.litmus.engines")

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(InClusterSystem):
    """Litmus in one run's cluster."""

    name = Driver.name

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
        args: dict[str, Any] = {"resource": "chaosengines", "namespace": wanted.ns, "name": name}
        args |= {"fault": wanted.fault, "uids": dict(pods)}
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
            before={"args": args},
            ttl_s=wanted.over_s(len(targets)),
        )

    def _engines(self, *, hurried: bool = False) -> Engines:
        from runner.faults.litmus.engines import Engines

        return Engines(self._cluster(hurried=hurried))


def _share(wanted: Wanted, count: int) -> str:
    """How many of the candidates it takes."""
    if wanted.env.get("TARGET_PODS"):
        return f"{wanted.env['TARGET_PODS']} of {count} pods"
    share = wanted.env.get("PODS_AFFECTED_PERC") or "0"
    if not share.isdecimal():
        return f"{share} % of {count} pods"
    return f"{wanted.taken(count)} of {count} pods"


def _engine(args: Mapping[str, Any]) -> Engine:
    from runner.faults.litmus.engines import Engine

    return Engine(ns=args["namespace"], name=args["name"], fault=args["fault"], uids=args.get("uids") or {})
