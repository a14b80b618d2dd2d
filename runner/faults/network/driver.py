"""The packets of this machine as a fault system: the kernel ends nothing by itself, so a process beside it does, and the undoer."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from runner import codec, errors
from runner.faults.base import BaseDriver, BaseSystem
from runner.faults.driver import (
    Activity,
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
)
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

NAME = "network"
PACKAGE = "runner.faults.network"
KIND = "packets"


class Driver(BaseDriver):
    """This machine, or a network namespace of it."""

    name = NAME
    said = "the network of this machine"
    modules: Collection[str] = (PACKAGE,)
    undoes: Collection[str] = (KIND,)
    imports: Collection[str] = (f"{PACKAGE}.means", f"{PACKAGE}.loss", f"{PACKAGE}.bandwidth", f"{PACKAGE}.latency")
    sees_residue = True

    def environment(self, provider: Provider, where: Where) -> Environment:
        return Environment(system=self.name, name="this machine")

    def concerns(self, args: Mapping[str, Any]) -> str:
        return f"packets/{args['name']}"

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        """A few calls of the kernel's tools for each."""
        return 15.0 + 5.0 * len(records)

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(BaseSystem):
    """The machine's packets, for one run."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def check(self) -> None:
        if os.geteuid() != 0:
            raise errors.EnvironmentFailure("faults in the network of this machine need root")

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """What is not there, or would cut the machine off, is no target. Raises EnvironmentFailure for a tool that is missing."""
        from runner.faults.network import disturbance, means

        function = str(activity.provider.get("func"))
        if function not in disturbance.KINDS:
            return None
        none = FaultTarget(action=activity.name, system=NAME, kind=function, settled=True)
        try:
            asked = disturbance.read(self._setting.run, function, activity.arguments)
        except errors.EnvironmentFailure as problem:
            return _noting(none, problem.message)
        if program := means.missing(asked):
            raise errors.EnvironmentFailure(
                f"{activity.name!r} needs the program {program}, which is not installed here"
            )
        if obstacle := means.of(asked).obstacle(asked):
            return _noting(none, obstacle)
        args = {"name": asked.name, "asked": codec.encode(asked)}
        return FaultTarget(
            action=activity.name,
            system=NAME,
            kind=asked.kind,
            targets=(asked.target,),
            objects=(f"packets/{asked.name}",),
            note=asked.does,
            owner=Owner.UNDOER,
            undo=(UndoStep(kind=KIND, what=f"take away: {asked.does}", args=args),),
            before=args,
            ttl_s=asked.seconds,
            settled=True,
        )

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """What these actions will have made: before, nothing of it is there."""
        return {"ours": [dict(step.args) for a in actions for step in (*a.undo, *a.kept) if step.kind == KIND]}

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        from runner.faults.network import means

        asked = _asked(before.before)
        confirmed, sentence = means.of(asked).look(asked)
        return Evidence(confirmed=confirmed, sentence=sentence, targets=before.targets if confirmed else ())

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        from runner.faults.network import means

        try:
            undone = means.end(_asked(record.args))
        except errors.EnvironmentFailure as problem:
            return Outcome(state=State.FAILED, error=problem.message)
        return Outcome(state=State.UNDONE if undone else State.ALREADY)

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        from runner.faults.network import means

        known = [*before.get("ours", ()), *(record.args for record in records)]
        found = Residue()
        for args in {args["name"]: args for args in known}.values():
            left = tuple(means.left(_asked(args)))
            meant = kept.names is None or Driver().concerns(args) in kept.names
            found += Residue(meant=left) if meant else Residue(residue=left)
            found += Residue(cleared=() if left else (f"nothing of {args['name']} is in the kernel's tables",))
        return found


def _noting(target: FaultTarget, note: str) -> FaultTarget:
    from dataclasses import replace

    return replace(target, note=note)


def _asked(args: Mapping[str, Any]) -> Any:
    from runner.faults.network.disturbance import Disturbance

    return codec.decode(Disturbance, args["asked"])
