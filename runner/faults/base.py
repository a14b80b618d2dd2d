"""What a driver answers where its system has nothing to say: for drivers to inherit from, so that they hold only what they know."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from runner.faults.driver import (
    Activity,
    Claim,
    Environment,
    Evidence,
    FaultSystem,
    FaultTarget,
    Outcome,
    Provider,
    Residue,
    Setting,
    State,
    Where,
)
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept


class BaseDriver:
    """Claims the activities of its modules, plays nothing."""

    name = ""
    said = ""
    modules: Collection[str] = ()
    """Whose activities act on this system: these modules, and all that is within them."""
    undoes: Collection[str] = ()
    ends_with_target = False
    imports: Collection[str] = ()
    sees_residue = False

    def claims(self, provider: Provider) -> Claim:
        module = str(provider.get("module") or "")
        ours = any(module == own or module.startswith(f"{own}.") for own in self.modules)
        return Claim.YES if ours else Claim.NO

    def environment(self, provider: Provider, where: Where) -> Environment:
        return Environment(system=self.name, name="")

    def concerns(self, args: Mapping[str, Any]) -> str:
        return ""

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        return ()

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        return 0.0

    def open(self, setting: Setting) -> FaultSystem:
        return BaseSystem()


class BaseSystem:
    """Nothing is resolved, nothing compared: only the file's own rollbacks put anything back."""

    def check(self) -> None:
        return

    def resolve(self, activity: Activity) -> FaultTarget | None:
        return None

    def scopes(self, providers: Sequence[Provider]) -> tuple[str, ...]:
        return ()

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        return {}

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        return Evidence(confirmed=False, sentence="what it does cannot be seen from outside")

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        return Outcome(state=State.FAILED, error=f"nobody knows how to undo {record.kind!r}")

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        return Residue()
