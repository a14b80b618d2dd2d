"""Gremlin as a fault system: an attack has no name of ours, so it is ours by what it does, to whom, and that it was not there before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runner import clock, errors
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
from runner.faults.home import HOME
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.gremlin.service import Attack, Gremlin

MODULE = "runner.faults.gremlin.actions"
HALT = "gremlin-halt"
HALT_S, HURRIED_S, EVERY_S = 60.0, 10.0, 0.5
"""How long the agents may take to take an attack back; how often Gremlin is asked."""


class Driver(BaseDriver):
    """Attacks of one team."""

    name = "gremlin"
    said = "Gremlin"
    modules: Collection[str] = (MODULE,)
    undoes: Collection[str] = (HALT,)
    imports: Collection[str] = ("httpx", "runner.faults.gremlin.actions")
    sees_residue = True

    def environment(self, provider: Provider, where: Where) -> Environment:
        from runner.faults.gremlin import service

        url = str(where.configuration.get("gremlin_url") or where.env.get("GREMLIN_URL") or service.URL)
        team = where.env.get("GREMLIN_TEAM_ID") or "of the secrets"
        return Environment(system=self.name, name=f"team {team} at {urlsplit(url).netloc}")

    def concerns(self, args: Mapping[str, Any]) -> str:
        return str(args["said"])

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        return (HALT,)

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        return 15.0

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(BaseSystem):
    """Gremlin in one run."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def check(self) -> None:
        """It answers, and the key may read attacks."""
        self._gremlin().attacks()

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """The object, and which attacks of the same kind are somebody else's."""
        from runner.faults.gremlin import actions

        if activity.provider.get("func") != "attack":
            return None
        asked, gremlin = activity.arguments, self._gremlin()
        length = int(asked.get("length_s") or 60)
        kind = str(asked.get("kind") or "DEPLOYMENT")
        objects = actions.chosen(gremlin, str(asked.get("ns")), str(asked.get("name")), kind)
        said = f"{kind.lower()}/{asked.get('ns')}/{asked.get('name')}"
        if not objects:
            return FaultTarget(
                action=activity.name, system=Driver.name, kind="gremlin", note=f"Gremlin knows no {said}"
            )
        args = {
            "said": said,
            "command": actions.arguments(asked["command"], length),
            "objects": [str(one["uid"]) for one in objects],
            "before": [one.guid for one in gremlin.attacks()],
            HOME: gremlin.home(),
        }
        return FaultTarget(
            action=activity.name,
            system=Driver.name,
            kind="gremlin",
            targets=(said,),
            note=f"{asked.get('percentage', 100)} % of its pods, {length} s",
            owner=Owner.SYSTEM,
            undo=(UndoStep(kind=HALT, what=f"halt the Gremlin attack {asked['command'][0]} on {said}", args=args),),
            before=args,
            ttl_s=float(length),
        )

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """Which attacks were there before, of the same kind as ours."""
        return {"attacks": [dict(a.before) for a in actions if a.kind == "gremlin" and a.before]}

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        """An agent that runs it, with the time: Gremlin's word. What it did to users, the traffic shows."""
        gremlin = self._gremlin()
        ran = {
            agent: at
            for one in _doing(before.before, _aimed(gremlin, before.before))
            for agent, at in gremlin.ran(one.guid).items()
        }
        said = ", ".join(f"{agent} since {at}" for agent, at in ran.items())
        return Evidence(
            confirmed=bool(ran),
            sentence=f"Gremlin says that it runs on {said}" if ran else "Gremlin names no agent that runs it",
            targets=before.targets if ran else (),
        )

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """Halt it, and wait until its agents say that they have taken it back."""
        try:
            gremlin = self._gremlin()
            if lost := gremlin.elsewhere(record.args.get(HOME)):
                return Outcome(state=State.FAILED, error=lost)
            listed = _aimed(gremlin, record.args)
            live = [one for one in _doing(record.args, listed) if not one.over]
            for one in live:
                gremlin.halt(one.guid)
            seconds = HURRIED_S if hurried else HALT_S
            ends = [_end(gremlin, one.guid, seconds) for one in live]
        except errors.EnvironmentFailure as problem:
            return Outcome(state=State.FAILED, error=str(problem))
        if bad := [one for one in ends if not one.clean]:
            said = f"the Gremlin attack {bad[0].guid} is in the stage {bad[0].stage}: what it left on its targets is not known"
            return Outcome(state=State.FAILED, error=said)
        if dark := _unreadable(record.args, listed):
            return Outcome(state=State.FAILED, error=f"{_dark(dark[0])}: halt it in Gremlin if it is")
        return Outcome(state=State.UNDONE if live else State.ALREADY)

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """Attacks of ours that go on, or whose agents could not take them back."""
        gremlin = self._gremlin()
        residue: list[str] = []
        meant: list[str] = []
        cleared: list[str] = []
        for args in before.get("attacks") or ():
            if lost := gremlin.elsewhere(args.get(HOME)):
                residue.append(f"whether an attack on {args['said']} goes on is not known: {lost}")
                continue
            listed = _aimed(gremlin, args)
            residue += [_dark(one) for one in _unreadable(args, listed)]
            for one in _doing(args, listed):
                said = f"the Gremlin attack {one.guid} on {args['said']} is {one.lifecycle}, stage {one.stage}"
                stays = kept.names is None or args["said"] in kept.names
                (cleared if one.clean else meant if stays else residue).append(said)
        return Residue(residue=tuple(residue), meant=tuple(meant), cleared=tuple(cleared))

    def _gremlin(self) -> Gremlin:
        from runner.faults.gremlin import service

        secrets = self._setting.secrets.starting_with(service.PREFIX)
        return service.Gremlin(service.access(self._setting.configuration, secrets))


def _aimed(gremlin: Gremlin, args: Mapping[str, Any]) -> list[Attack]:
    """Attacks on the same objects, or on ones that nobody can read from the answer, that were not there before."""
    objects = frozenset(args["objects"])
    return [
        one for one in gremlin.attacks() if one.guid not in args["before"] and one.objects in (objects, frozenset())
    ]


def _doing(args: Mapping[str, Any], aimed: Sequence[Attack]) -> list[Attack]:
    """Those that do the same. Somebody else's that does just that, begun meanwhile, cannot be told from it; no other is ever halted."""
    return [one for one in aimed if one.objects and one.does(args["command"])]


def _unreadable(args: Mapping[str, Any], aimed: Sequence[Attack]) -> list[Attack]:
    """Those that go on, of which nobody can tell whether they are ours."""
    dark = [one for one in aimed if one.command is None or (not one.objects and one.does(args["command"]))]
    return [one for one in dark if not one.over]


def _dark(one: Attack) -> str:
    return (
        f"the Gremlin attack {one.guid}, begun meanwhile, goes on, stage {one.stage}: whether it is this run's is not known, "
        "for what it does, or to whom, cannot be read"
    )


def _end(gremlin: Gremlin, guid: str, seconds: float) -> Attack:
    """An attack once it is over, or as it is after all the time that it gets."""
    return clock.poll_until(lambda: gremlin.attack(guid), seconds, EVERY_S, enough=lambda now: now.over)
