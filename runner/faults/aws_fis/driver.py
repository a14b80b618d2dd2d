"""AWS FIS as a fault system: its experiments are found again by their tags, stopped, and believed ended only by their own state."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import clock, errors
from runner.faults import identity
from runner.faults.aws.driver import Driver as Aws
from runner.faults.aws_fis import service
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
    from runner.faults.aws_fis.service import Fis

MODULE = "runner.faults.aws_fis.actions"
STOP = "fis-stop"
STOP_S, HURRIED_S, EVERY_S = 90.0, 10.0, 0.5
"""How long a stop may take, for post-actions, which start what was stopped, run in it; how often it is asked."""


class Driver(BaseDriver):
    """Experiments of FIS templates, in the account and region that AWS' own driver names."""

    name = "aws-fis"
    said = "AWS FIS"
    modules: Collection[str] = (MODULE,)
    undoes: Collection[str] = (STOP,)
    imports: Collection[str] = ("boto3", "runner.faults.aws_fis.service")
    sees_residue = True

    def environment(self, provider: Provider, where: Where) -> Environment:
        return Aws().environment(provider, where)

    def concerns(self, args: Mapping[str, Any]) -> str:
        return f"fis/{args['name']}"

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        return (record.kind,)

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        return 30.0

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(BaseSystem):
    """FIS in one run."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def check(self) -> None:
        """FIS answers, and lets us list its experiments."""
        self._fis().named(service.RUN_TAG, self._setting.run)

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """What the template selects; by ARN only where the template names ARNs, for FIS resolves the rest when it starts."""
        if activity.provider.get("func") != "start_experiment":
            return None
        name = str(activity.arguments.get("template_id"))
        fis = self._fis()
        template = fis.template(name)
        if template is None or not template.targets:
            note = f"there is no template {name}" if template is None else f"the template {name} has no targets"
            return FaultTarget(action=activity.name, system=Driver.name, kind="fis", note=note)
        ours = identity.name(self._setting.run, {"template_id": name})
        args = {"name": ours, HOME: fis.home()}
        return FaultTarget(
            action=activity.name,
            system=Driver.name,
            kind="fis",
            targets=template.targets,
            note=_note(template),
            objects=(f"fis/{ours}",),
            owner=Owner.NOBODY if template.stays else Owner.UNDOER if template.seconds is None else Owner.SYSTEM,
            undo=(UndoStep(kind=STOP, what=f"stop the FIS experiment of template {name}", args=args),),
            before=args,
            ttl_s=None if template.stays else template.seconds,
        )

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """Nothing is compared: what FIS changes it puts back itself, and the run's own experiments are found by their tag."""
        mine = [a.before for a in actions if a.kind == "fis" and a.before]
        return {"names": [one["name"] for one in mine], HOME: mine[0][HOME]} if mine else {"names": []}

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        """An action of the experiment that runs or has run, with its start: FIS' word. What it did to users, the traffic shows."""
        fis = self._fis()
        found = [fis.experiment(one) for one in fis.named(service.NAME_TAG, before.before["name"])]
        ran = [
            f"{name} {action['state']['status']} since {action['startTime']:%H:%M:%S}"
            for one in found
            for name, action in _ran(one).items()
        ]
        said = (
            f"AWS FIS says of {', '.join(one['id'] for one in found)}: {'; '.join(ran)}" if ran else _nothing_ran(found)
        )
        return Evidence(confirmed=bool(ran), sentence=said, targets=before.targets if ran else ())

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """Stop what bears our tag, and wait until FIS has run its post-actions."""
        try:
            fis = self._fis()
            if lost := fis.elsewhere(record.args.get(HOME)):
                return Outcome(state=State.FAILED, error=lost)
            live = [
                one
                for one in fis.named(service.NAME_TAG, record.args["name"])
                if fis.experiment(one)["state"]["status"] in service.LIVE
            ]
            for one in live:
                if fis.experiment(one)["state"]["status"] in ("pending", "initiating", "running"):
                    fis.stop(one)
            ends = [_end(fis, one, HURRIED_S if hurried else STOP_S) for one in live]
        except errors.EnvironmentFailure as problem:
            return Outcome(state=State.FAILED, error=str(problem))
        if bad := [service.reason(one) for one in ends if one["state"]["status"] not in service.ENDED]:
            error = f"the FIS experiment is {bad[0]}: whether its targets were restored is not known"
            return Outcome(state=State.FAILED, error=error)
        return Outcome(state=State.UNDONE if live else State.ALREADY)

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """Experiments of this run that have not ended, or that FIS could not end."""
        fis = self._fis()
        if lost := fis.elsewhere(before.get(HOME)):
            return Residue(residue=(f"whether the FIS experiments of this run have ended is not known: {lost}",))
        residue: list[str] = []
        meant: list[str] = []
        cleared: list[str] = []
        unseen: list[str] = []
        for one in fis.named(service.RUN_TAG, self._setting.run):
            found = fis.experiment(one)
            said = f"the FIS experiment {one} is {service.reason(found)}"
            name = f"fis/{(found.get('tags') or {}).get(service.NAME_TAG)}"
            if found["state"]["status"] in service.ENDED and (stays := service.stays(_ran(found))):
                unseen.append(f"{said}, and FIS does not take back what it did by {', '.join(stays)}")
            elif found["state"]["status"] in service.ENDED:
                cleared.append(said)
            else:
                (meant if kept.names is None or name in kept.names else residue).append(said)
        return Residue(residue=tuple(residue), meant=tuple(meant), cleared=tuple(cleared), unseen=tuple(unseen))

    def _fis(self) -> Fis:
        from runner.faults.aws import client
        from runner.faults.aws_fis.service import Fis

        return Fis(self._setting.configuration, self._setting.secrets.starting_with(client.PREFIX))


def _end(fis: Fis, named: str, seconds: float) -> Mapping[str, Any]:
    """An experiment once it has ended, or as it is after all the time that it gets."""
    return clock.poll_until(
        lambda: fis.experiment(named),
        seconds,
        EVERY_S,
        enough=lambda now: now["state"]["status"] not in ("pending", "initiating", "running", "stopping"),
    )


def _ran(experiment: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Its actions that do or did something to a target."""
    did = ("running", "completed", "stopping", "stopped")
    actions: Mapping[str, Mapping[str, Any]] = experiment.get("actions") or {}
    return {
        name: action
        for name, action in actions.items()
        if service.strikes(action) and action.get("startTime") and action["state"]["status"] in did
    }


def _note(template: service.Template) -> str:
    alarms = f"its alarms: {', '.join(template.stop_conditions)}" if template.stop_conditions else "NO stop condition"
    left = f"; FIS does not take back what it does by {', '.join(template.stays)}" if template.stays else ""
    return f"{', '.join(template.actions)}; {alarms}{left}"


def _nothing_ran(found: Sequence[Mapping[str, Any]]) -> str:
    return f"no action ran: {service.reason(found[0])}" if found else "FIS has no experiment of this run"
