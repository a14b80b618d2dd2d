"""stress-ng as a fault system: it ends by its own time limit, and the undo ends exactly what carries the run's mark."""

from __future__ import annotations

import shutil
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

KIND = "stress-ng"
PACKAGE = "runner.faults.stress_ng"


class Driver(BaseDriver):
    """The machine that the run is on, pressed by a program of its own."""

    name = KIND
    said = "stress-ng"
    modules: Collection[str] = (PACKAGE,)
    undoes: Collection[str] = (KIND,)
    imports: Collection[str] = (f"{PACKAGE}.remains",)
    sees_residue = True

    def environment(self, provider: Provider, where: Where) -> Environment:
        return Environment(system=self.name, name="this machine")

    def concerns(self, args: Mapping[str, Any]) -> str:
        return f"stress-ng/{args['name']}"

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        """A look at all processes, on a machine that may still be busy."""
        return 15.0

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(BaseSystem):
    """This machine, for one run."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def check(self) -> None:
        if not shutil.which("stress-ng"):
            raise errors.EnvironmentFailure("stress-ng is not installed here: apt-get install stress-ng")

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """What cannot be done here has no target, and says why."""
        from runner.faults.stress_ng import evidence, remains, stress

        function = str(activity.provider.get("func"))
        if function not in stress.READERS:
            return None
        try:
            asked = stress.read(self._setting.run, function, activity.arguments)
        except errors.EnvironmentFailure as problem:
            return FaultTarget(action=activity.name, system=KIND, kind=function, note=problem.message, settled=True)
        undo = UndoStep(kind=KIND, what=f"end stress-ng ({asked.does})", args=remains.arguments(asked))
        return FaultTarget(
            action=activity.name,
            system=KIND,
            kind=asked.kind,
            targets=(asked.target,),
            objects=(f"stress-ng/{asked.name}",),
            note=asked.does,
            owner=Owner.SYSTEM,
            undo=(undo,),
            before={"asked": codec.encode(asked), "earlier": evidence.before(asked)},
            ttl_s=asked.seconds,
            settled=True,
        )

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """What these actions will have made: before, nothing of it is there."""
        return {"ours": [dict(step.args) for a in actions for step in (*a.undo, *a.kept) if step.kind == KIND]}

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        from runner.faults.stress_ng import evidence
        from runner.faults.stress_ng.stress import Stress

        asked = codec.decode(Stress, before.before["asked"])
        confirmed, sentence = evidence.look(asked, before.before["earlier"])
        return Evidence(confirmed=confirmed, sentence=sentence, targets=before.targets if confirmed else ())

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        from runner.faults.stress_ng import remains

        try:
            undone, note = remains.end(record.args)
        except errors.EnvironmentFailure as problem:
            return Outcome(state=State.FAILED, error=problem.message)
        return Outcome(state=State.UNDONE if undone else State.ALREADY, error=note or None)

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        from runner.faults.stress_ng import remains

        known = [*before.get("ours", ()), *(record.args for record in records)]
        found, cleared = Residue(), list[str]()
        for args in {args["name"]: args for args in known}.values():
            left = tuple(remains.left_of(args))
            meant = kept.names is None or Driver().concerns(args) in kept.names
            found += Residue(meant=left) if meant else Residue(residue=left)
            cleared += [] if left else [remains.nothing(args)]
        return found + Residue(cleared=tuple(cleared))
