"""Inspection: the systems of an experiment before anything is changed, whether its faults took effect, and what is left of them.

Runs in the undoer, each question in a forked call with a deadline; which systems there are, and what they know, the drivers say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from chaoslib import substitute
from chaoslib.activity import execute_activity
from chaoslib.hypothesis import run_steady_state_hypothesis
from chaoslib.run import EventHandlerRegistry

from runner import errors
from runner.chaostoolkit import control_hooks, providers, values
from runner.experiment import tree
from runner.faults import host, registry
from runner.faults.driver import (
    UNKNOWN,
    Activity,
    Claim,
    Driver,
    Evidence,
    FaultSystem,
    FaultTarget,
    Fronted,
    Inspection,
    Locking,
    Making,
    Owner,
    Pinning,
    Provider,
    Reading,
    Residue,
    Withholding,
    unknown,
)
from runner.rundir.ledger import Ledger, UndoRecord
from runner.rundir.start_message import Kept, StartMessage
from runner.undo import setting


class World:
    """The experiment's systems, read through the clients that its own activities use."""

    def __init__(self, start: StartMessage) -> None:
        self._document = control_hooks.without(start.document)
        self._start = start
        self._setting = setting.of(start)
        known = values.of(start)
        self._configuration, self._secrets = known.configuration, known.secrets
        self._probes: Mapping[str, str] = start.proofs
        self._providers = self._filled(self._document)

    def inspect(self) -> Inspection:
        """Every action's targets, the state to compare with afterwards, and the locks that stand for the blast radius."""
        reached = registry.reached(self._providers)
        if led := self._led(reached):
            return Inspection(refused=led)
        systems = {driver: driver.open(self._setting) for driver in reached}
        try:
            for system in systems.values():
                system.check()
        except errors.Refused as problem:
            return Inspection(refused=tuple(problem.reasons))
        actions = tuple(self._actions({driver.name: system for driver, system in systems.items()}))
        scopes = {driver: self._scopes(driver, system, actions) for driver, system in systems.items()}
        snapshots = {
            driver.name: found
            for driver, system in systems.items()
            if (found := system.snapshot(self._acting_on(driver, actions), must=self._needed(driver)))
        }
        return Inspection(
            actions=actions,
            snapshots=snapshots,
            locks={
                driver.name: tuple(system.lock_names(scopes[driver], self._targets(driver, actions)))
                for driver, system in systems.items()
                if isinstance(system, Locking)
            },
            withheld=dict(self._withheld(systems, snapshots)),
            unlocked=tuple(self._unlocked(reached)),
            unsure=any(s.scopes(self._changing()) for s in systems.values())
            or any(a.scopes and not a.resolved for a in actions),
        )

    def services(self, targets: list[str]) -> list[str]:
        """The services that lead users to these targets."""
        systems = [driver.open(self._setting) for driver in registry.reached(self._providers)]
        return [name for system in systems if isinstance(system, Fronted) for name in system.services(targets)]

    def confirm(self, actions: Sequence[FaultTarget]) -> dict[str, Evidence]:
        """Whether each of these actions, by name, took effect."""
        return {found.action: self._confirm(found) for found in actions}

    def residue(self, system: str, snapshot: Mapping[str, Any], kept: Kept) -> Residue:
        """What is left of the run in one system."""
        driver = registry.by_name(system)
        if driver is None:
            return Residue(missed=(f"{system} (its fault driver is not installed here)",))
        records = played_by(driver, Ledger(Path(self._start.folder)).records())
        return driver.open(self._setting).residue(snapshot, records, kept)

    def hypothesis(self) -> Any:
        """One check of the file's steady-state hypothesis, as Chaos Toolkit's own state; None without one."""
        return run_steady_state_hypothesis(
            self._document, self._configuration, self._secrets, dry=None, event_registry=EventHandlerRegistry()
        )

    def _led(self, drivers: Sequence[Driver]) -> tuple[str, ...]:
        """Programs that leave the cleared context, now that all values are known; the values are not told, for they may be secrets."""
        return tuple(
            f"{provider.get('path') or provider.get('module')} would reach another cluster than the cleared one, by {way.split()[0]}; "
            "the value comes from a secret or a probe, so it is not shown"
            for driver in drivers
            if isinstance(driver, Reading)
            for provider in self._providers
            if (way := driver.leaves(provider, self._setting.context))
        )

    def _unlocked(self, drivers: Sequence[Driver]) -> Iterator[str]:
        """Said of the cluster that the run was handed: without one there is no lock either."""
        for driver in (d for d in drivers if isinstance(d, Reading) and self._setting.context):
            acting = [
                a for a in (*self._method(), *(self._document.get("rollbacks") or ())) if a.get("type") == "action"
            ]
            names = [str(a.get("name")) for a in acting if any(map(driver.unread, self._filled(a)))]
            if names:
                yield (
                    f"{', '.join(names)}: a command in it names no namespace that can be read beforehand, so the lock in {driver.said} is "
                    f"taken for {self._setting.namespace or 'default'} too; a run of another machine may strike the same target. "
                    "Name it with -n NAMESPACE"
                )

    def _changing(self) -> list[Provider]:
        """Of the method and its rollbacks."""
        return self._filled([*(self._document.get("method") or ()), *(self._document.get("rollbacks") or ())])

    def _filled(self, activities: Any) -> list[Provider]:
        """The providers in them, with all values known."""
        return [substitute(p, self._configuration, self._secrets) for p in tree.providers(activities)]

    def _scopes(self, driver: Driver, system: FaultSystem, actions: Sequence[FaultTarget]) -> list[str]:
        named = {scope for a in self._striking(driver, actions) for scope in a.scopes}
        return sorted(named | set(system.scopes(self._changing())))

    def _targets(self, driver: Driver, actions: Sequence[FaultTarget]) -> list[str]:
        return [target for action in self._striking(driver, actions) for target in action.targets]

    def _striking(self, driver: Driver, actions: Sequence[FaultTarget]) -> list[FaultTarget]:
        """Actions that its system feels, also those that are another driver's whose own system lives in it: Chaos Mesh in a cluster."""
        inside = {a["name"] for a in self._method() if any(driver.claims(p) is Claim.YES for p in tree.providers(a))}
        return [a for a in actions if a.action in inside]

    def _acting_on(self, driver: Driver, actions: Sequence[FaultTarget]) -> list[FaultTarget]:
        acting = {a["name"] for a in self._method() if any(driver.claims(p) for p in tree.providers(a))}
        return [a for a in actions if a.action in acting]

    def _needed(self, driver: Driver) -> bool:
        return any(driver.claims(p) is Claim.YES for p in self._providers)

    def _method(self) -> Iterator[Mapping[str, Any]]:
        return (a for a in self._document.get("method") or () if a.get("type") == "action")

    def _actions(self, systems: Mapping[str, FaultSystem]) -> Iterator[FaultTarget]:
        """In the order of the method: what is not there yet may be made by an action before, and what it then changes is put back."""
        unsettled = False
        for activity in self._method():
            found = self._resolved(activity, systems)
            if found.resolved and not found.targets and unsettled:
                note = f"{found.note or 'nothing'}: unless an action before it changes that"
                found = replace(found, kind=UNKNOWN, note=note)
            unsettled = unsettled or not found.settled
            yield found

    def _resolved(self, activity: Mapping[str, Any], systems: Mapping[str, FaultSystem]) -> FaultTarget:
        asked = self._activity(activity)
        driver = registry.claiming(asked.provider)
        system = systems.get(driver.name) if driver else None
        pinned = self._pinned(asked, system)
        found = system.resolve(pinned or asked) if system else None
        if found and pinned:
            found = replace(found, arguments=pinned.arguments, pinned=True)
        found = found or unknown(asked.name, system=driver.name if driver else "")
        if found.owner == Owner.NOBODY and host.undoes(self._document.get("rollbacks") or ()):
            found = replace(found, owner=Owner.UNDOER)
        probe = self._probes.get(asked.name)
        return replace(found, probe=probe, held_before=self._holds(probe)) if probe else found

    def _pinned(self, activity: Activity, system: object) -> Activity | None:
        """The same with the arguments that aim it at what a person has named; None where it is not aimed."""
        if not self._start.pins or not isinstance(system, Pinning):
            return None
        found = system.pinned(activity, self._start.pins)
        return None if found is None else replace(activity, arguments=found)

    def _activity(self, activity: Mapping[str, Any]) -> Activity:
        provider = activity.get("provider") or {}
        groups = provider.get("secrets") or ()
        return Activity(
            name=str(activity.get("name")),
            provider=provider,
            arguments=substitute(provider.get("arguments") or {}, self._configuration, self._secrets),
            secrets={k: v for group in groups for k, v in self._secrets.get(group, {}).items()},
        )

    def _confirm(self, found: FaultTarget) -> Evidence:
        if found.probe:
            return self._confirm_by_probe(found.probe, found)
        activity = next(a for a in self._document["method"] if a.get("name") == found.action)
        driver = registry.by_name(found.system)
        assert driver is not None, "it resolved the action"
        return driver.open(self._setting).confirm(self._activity(activity), found)

    def _confirm_by_probe(self, name: str, found: FaultTarget) -> Evidence:
        held = self._holds(name)
        words = (
            "held already before the action"
            if found.held_before
            else f"{'holds' if held else 'does not hold'}, and did not before the action"
        )
        return Evidence(
            confirmed=held and not found.held_before, sentence=f"the probe {name!r} {words}", targets=found.targets
        )

    def _holds(self, name: str) -> bool:
        """One probe of the method or the hypothesis, judged by its own tolerance; a probe that fails does not hold."""
        hypothesis = (self._document.get("steady-state-hypothesis") or {}).get("probes") or ()
        activities = [*(self._document.get("method") or ()), *hypothesis]
        probe = next(a for a in activities if a.get("name") == name and a.get("type") == "probe")
        run = execute_activity(self._document, probe, self._configuration, self._secrets, dry=None)
        if run["status"] != "succeeded":
            return False
        tolerance = probe.get("tolerance", True)
        return bool(providers.within_tolerance(tolerance, run["output"], self._configuration, self._secrets))

    def _withheld(
        self, systems: Mapping[Driver, FaultSystem], snapshots: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[str, str]]:
        for index, rollback in enumerate(self._document.get("rollbacks") or ()):
            for driver, system in systems.items():
                before = snapshots.get(driver.name, {})
                if isinstance(system, Withholding) and (foreign := system.withheld(self._activity(rollback), before)):
                    yield str(index), foreign


def lock(start: StartMessage, step: str, system: str, names: Sequence[str]) -> list[Any]:
    """Have one system acquire, renew or release its locks: an answer for each."""
    driver = registry.by_name(system)
    opened: object = driver.open(setting.of(start)) if driver else None
    assert isinstance(opened, Locking), "it named the locks"
    steps = {"acquire": opened.acquire, "renew": opened.renew, "release": opened.release}
    return [steps[step](name) for name in names]


def make(start: StartMessage, kind: str, args: Mapping[str, Any], seconds: float, why: str) -> str:
    """Have the driver of a kind of undo records make what that record ends; why not, or empty."""
    return _maker(start, kind).make(kind, args, seconds, why)


def readable(start: StartMessage, kind: str, asked: Sequence[Mapping[str, Any]]) -> str:
    """Why what is to be made of this kind cannot be; empty where it can."""
    return _maker(start, kind).readable(asked)


def played_by(driver: Driver, records: Sequence[UndoRecord]) -> list[UndoRecord]:
    """The undo records that are a driver's own."""
    return [record for record in records if record.kind in driver.undoes]


def _maker(start: StartMessage, kind: str) -> Making:
    driver = registry.playing(kind)
    opened: object = driver.open(setting.of(start)) if driver else None
    assert isinstance(opened, Making), "it is the block's own kind"
    return opened
