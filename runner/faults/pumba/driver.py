"""Pumba as a fault system: its own process ends a fault; where that was killed, the undoer puts everything back through Docker."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from runner.faults.pumba.attack import Attack

NAME = "pumba"
PACKAGE = "runner.faults.pumba"


class Driver(BaseDriver):
    """A Docker host, named by DOCKER_HOST or the socket of this machine."""

    name = NAME
    said = "the Docker host of Pumba"
    modules: Collection[str] = (PACKAGE,)
    undoes: Collection[str] = (NAME,)
    imports: Collection[str] = (f"{PACKAGE}.life",)
    sees_residue = True

    def environment(self, provider: Provider, where: Where) -> Environment:
        from runner.faults.pumba import docker

        return Environment(system=self.name, name=docker.host(where.env))

    def concerns(self, args: Mapping[str, Any]) -> str:
        return f"pumba/{args['attack']['name']}"

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        return (record.args["attack"]["host"],)

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        """Docker is asked about each container."""
        return 20.0 + 10.0 * len(records)

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(BaseSystem):
    """The Docker host, for one run."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def check(self) -> None:
        if not shutil.which(NAME):
            raise errors.EnvironmentFailure("pumba is not installed here: https://github.com/alexei-led/pumba")

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """By Docker's own list of what runs."""
        from runner.faults.pumba import attack, state

        function = str(activity.provider.get("func"))
        if function not in attack.KINDS:
            return None
        asked = attack.read(self._setting.run, function, activity.arguments)
        target = FaultTarget(action=activity.name, system=NAME, kind=asked.kind, settled=True)
        if not asked.containers:
            return replace(target, note="none of the containers that are named runs")
        args = {"attack": codec.encode(asked), "before": state.before(asked)}
        return replace(
            target,
            targets=tuple(f"container/{name}" for name in asked.containers),
            objects=(f"pumba/{asked.name}",),
            owner=Owner.UNDOER,
            undo=(UndoStep(kind=NAME, what=f"end: {asked.does}", args=args),),
            before=args,
            ttl_s=asked.seconds or None,
        )

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """The containers as they are, and what these actions will have made."""
        return {"ours": [dict(step.args) for a in actions for step in (*a.undo, *a.kept) if step.kind == NAME]}

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        from runner.faults.pumba import state

        found = state.hit(_asked(before.before), before.before["before"])
        missed = [name for name in before.before["before"] if name not in found]
        said = [*found.values(), *(f"{name} is unchanged" for name in missed)]
        return Evidence(
            confirmed=bool(found) and not missed,
            sentence="; ".join(said),
            targets=tuple(f"container/{name}" for name in found),
        )

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        from runner.faults.pumba import life

        try:
            undone = life.end(_asked(record.args), record.args["before"])
        except errors.EnvironmentFailure as problem:
            return Outcome(state=State.FAILED, error=problem.message)
        return Outcome(state=State.UNDONE if undone else State.ALREADY)

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        from runner.faults.pumba import state

        known = [*before.get("ours", ()), *(record.args for record in records)]
        found = Residue()
        for args in {args["attack"]["name"]: args for args in known}.values():
            asked = _asked(args)
            alive = tuple(f"process {p.pid} of {asked.name} still runs" for p in asked.program.alive())
            left = (*alive, *state.left(asked, args["before"]))
            meant = kept.names is None or Driver().concerns(args) in kept.names
            found += Residue(meant=left) if meant else Residue(residue=left)
            found += Residue(cleared=() if left else (f"nothing of {asked.name} is at {asked.host}",))
        return found


def _asked(args: Mapping[str, Any]) -> Attack:
    from runner.faults.pumba.attack import Attack

    return codec.decode(Attack, args["attack"])
