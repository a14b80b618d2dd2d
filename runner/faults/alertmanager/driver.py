"""Alertmanager as a fault system: what the block's `silence:` and `announce:` make in it for a run, and end after it.

No activity of a file acts on it. It lies outside of whatever is broken, and what is made in it does not go with a playground.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

from runner.faults.base import BaseDriver, BaseSystem
from runner.faults.driver import Claim, Outcome, Provider, Residue, Setting
from runner.rundir.ledger import DRILL, SILENCE, UndoRecord
from runner.rundir.start_message import Kept

MODULES = {DRILL: "drills", SILENCE: "silences"}
"""What makes and ends each kind; they bring an HTTP client, and come when they are needed."""
SPARE_S = 15.0
"""How much longer a look may take than all its requests are allowed to: the undoer forks and imports for it."""


class Driver(BaseDriver):
    """Asked about undo records alone."""

    name = "alertmanager"
    said = "Alertmanager"
    undoes: Collection[str] = tuple(MODULES)
    ends_with_target = False
    imports: Collection[str] = ("runner.faults.alertmanager.client",)
    sees_residue = True

    def claims(self, provider: Provider) -> Claim:
        return Claim.NO

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        """Where it has to be ended, and how that lets us in."""
        return (record.args.get("alertmanager"), record.args.get("secrets"))

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        """As long as all its requests may take, and an import."""
        return SPARE_S + 3 * sum(float(record.args["timeout_s"]) for record in records)

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(BaseSystem):
    """The team's Alertmanagers, for one run."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """End it, whether or not anybody knows that it was made."""
        outcome: Outcome = _module(record.kind).end(self._setting, record.args, hurried=hurried)
        return outcome

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """Each server is asked whether anything of the run is left in it."""
        found = [_module(k).left(self._setting, [r for r in records if r.kind == k]) for k in self._kinds(records)]
        return Residue(
            residue=tuple(sentence for one in found for sentence in one.residue),
            cleared=tuple(sentence for one in found for sentence in one.cleared),
        )

    def readable(self, asked: Sequence[Mapping[str, Any]]) -> str:
        """That every server can be reached and read."""
        from runner.faults.alertmanager import client

        return client.readable(self._setting, asked)

    def make(self, kind: str, args: Mapping[str, Any], seconds: float, why: str) -> str:
        """A silence, or the alert that announces a drill."""
        return str(_module(kind).make(self._setting, args, seconds, why))

    def _kinds(self, records: Sequence[UndoRecord]) -> list[str]:
        return [kind for kind in MODULES if any(record.kind == kind for record in records)]


def _module(kind: str) -> Any:
    return import_module(f"runner.faults.alertmanager.{MODULES[kind]}")
