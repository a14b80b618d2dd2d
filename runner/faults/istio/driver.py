"""Istio as a fault system: faults of VirtualServices, which nothing but their removal ends.

Only its own route is its target: what others do to the rest of the VirtualService meanwhile is theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import codec, error_text, errors
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
)
from runner.faults.in_cluster import InClusterDriver, InClusterSystem
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.cluster_api import Object
    from runner.faults.istio.route_fault import RouteFault
    from runner.faults.istio.routes import Remembered
    from runner.faults.istio.virtual_services import VirtualServices

MODULE = "runner.faults.istio.actions"
RECORD = "istio-fault"


class Driver(InClusterDriver):
    """Faults in routes of its mesh."""

    name = "istio"
    said = "Istio"
    modules: Collection[str] = (MODULE,)
    undoes: Collection[str] = (RECORD,)
    imports: Collection[str] = ("runner.faults.kubernetes.client", "runner.faults.istio.virtual_services")

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(InClusterSystem):
    """The mesh of one run's cluster."""

    name = Driver.name

    def check(self) -> None:
        """That the cluster lets us in and knows Istio."""
        self._services()

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """The route; where there is none, or it is not clear which one, the note says so."""
        from runner.faults.istio import route_fault, routes

        function = str(activity.provider.get("func"))
        if function not in route_fault.FUNCTIONS:
            return None
        wanted = route_fault.of(function, activity.arguments)
        found = self._services().read(wanted.ns, wanted.virtual_service)
        try:
            if found is None:
                raise routes.NoRoute(f"there is no {wanted.called}")
            return self._target(activity.name, wanted, found)
        except routes.NoRoute as problem:
            return _target(activity.name, wanted, note=str(problem))

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        """By what a caller's proxy counts: that the fault stands in the VirtualService proves nothing."""
        from runner.faults.istio import effect

        return effect.seen(self._services(), before)

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """Give exactly this route what it had, whatever became of the others."""
        args = record.args
        try:
            services = self._services(hurried=hurried)
            changed = services.take_out(args["namespace"], args["virtual_service"], _remembered(args))
        except errors.EnvironmentFailure as problem:
            return Outcome(state=State.FAILED, error=error_text.sentence(problem))
        return Outcome(state=State.UNDONE if changed else State.ALREADY)

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """Whether a fault of this run still acts, and what others have made of the route meanwhile."""
        from runner.faults.istio import effect

        services, found = self._services(), Residue()
        for record in records:
            called, args = Driver().concerns(record.args), record.args
            now = services.read(args["namespace"], args["virtual_service"])
            stays = kept.names is None or called in kept.names
            found += effect.left(args, now, _remembered(args), called=called, stays=stays)
        return found

    def _target(self, action: str, wanted: RouteFault, found: Object) -> FaultTarget:
        """Raises NoRoute."""
        from runner.faults.istio import effect, routes

        mine = routes.remembered(found, wanted, wanted.marker(self._setting.run))
        place, had = mine.place, mine.prior
        name = f"{wanted.virtual_service}:{place.called}"
        args = {"resource": "route", "namespace": wanted.ns, "name": name}
        args |= {"virtual_service": wanted.virtual_service, "remembered": codec.encode(mine)}
        back = "take the fault out of" if had is None or wanted.headers else "give back its own fault to"
        undo = UndoStep(kind=RECORD, what=f"{back} the route {place.called} of the {wanted.called}", args=args)
        return _target(
            action, wanted, Driver().concerns(args), effect.note(wanted, had), (undo,), effect.before(wanted, args)
        )

    def _services(self, *, hurried: bool = False) -> VirtualServices:
        from runner.faults.istio.virtual_services import VirtualServices

        return VirtualServices(self._cluster(hurried=hurried))


def _target(
    action: str,
    wanted: RouteFault,
    target: str = "",
    note: str = "",
    undo: tuple[UndoStep, ...] = (),
    before: Mapping[str, Any] | None = None,
) -> FaultTarget:
    return FaultTarget(
        action=action,
        system=Driver.name,
        kind=wanted.kind,
        targets=(target,) if target else (),
        note=note,
        scopes=(wanted.ns,),
        owner=Owner.UNDOER,
        undo=undo,
        before=before or {},
        visible=bool(wanted.proxy_admin),
    )


def _remembered(args: Mapping[str, Any]) -> Remembered:
    from runner.faults.istio.routes import Remembered

    return codec.decode(Remembered, args["remembered"])
