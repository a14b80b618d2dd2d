"""Assessment: what a run's actions, its undo ledger and the look afterwards say together about the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner.faults import registry
from runner.faults.driver import FaultTarget, Owner, Residue
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import StartMessage
from runner.timeline import way_back
from runner.timeline.vocabulary import UndoState
from runner.timeline.way_back import WayBack

if TYPE_CHECKING:
    from runner.timeline.record import UndoStep

SHORT_S = 5.0
NO_UNDO = "has no undo: revert its change by hand"


def owner(action: FaultTarget) -> str:
    """Who puts back what an action did; what is known to have no target did nothing."""
    return Owner.SYSTEM if action.resolved and not action.targets else action.owner


def systems(snapshots: Mapping[str, Any], records: Sequence[UndoRecord]) -> dict[str, list[UndoRecord]]:
    """The fault systems that have to be searched for residue, with the undo records that are theirs: those that had something to
    compare with, and those in which anything was promised to be undone."""
    found: dict[str, list[UndoRecord]] = {name: [] for name in snapshots}
    for record in records:
        driver = registry.playing(record.kind)
        if driver is not None:
            found.setdefault(driver.name, []).append(record)
    return found


def look_s(system: str, records: Sequence[UndoRecord]) -> float:
    """Seconds that a search for residue in one system may take."""
    driver = registry.by_name(system)
    return driver.look_s(records) if driver else SHORT_S


def not_looked(system: str, records: Sequence[UndoRecord], why: str) -> Residue:
    """A system that could not be searched: what our own undo records name there counts as left."""
    kinds = dict.fromkeys(record.kind for record in records if registry.outlives_target(record.kind))
    if kinds:
        return Residue(residue=tuple(f"could not check whether a {kind} is left: {why}" for kind in kinds))
    driver = registry.by_name(system)
    return Residue(missed=(f"{driver.said if driver else system} ({why})",))


def way(start: StartMessage, begun: Iterable[str], steps: Sequence[UndoStep], look: Residue, *, clean: bool) -> WayBack:
    """The way back of a run whose actions named in `begun` were begun; `clean`: the ledger was played to its end."""
    stay, acted = set(start.stays), list(dict.fromkeys(begun))
    last = {
        s.what: s for s in steps if s.step
    }.values()  # 0 ends the method's processes; a new undoer plays again what failed
    failed = [f"{s.what} ({s.error})" for s in last if s.state == UndoState.FAILED]
    return way_back.told(
        acted=bool(acted),
        done=len(last) - len(failed),
        failed=failed or ([] if clean else ["the undoer died"]),
        residue=look.residue,
        no_undo=[name for name in acted if start.owners.get(name) == Owner.NOBODY and name not in stay],
        stays=[name for name in acted if name in stay],
        unplayed=start.unplayed,
        meant=look.meant,
        unseen=[*look.unseen, *_unseen(start, set(acted))],
        missed=look.missed,
    )


def _unseen(start: StartMessage, acted: set[str]) -> list[str]:
    """Whatever an action of these providers changed, nobody but its author knows where to look; but in the cluster we did."""
    found = {f"what {name} did inside pods": None for name in start.unseeable if name in acted}
    compared = any(state.get("objects") is not None for state in start.snapshots.values())
    aside = " outside the cluster" if compared else ""
    for activity in start.document.get("method") or ():
        provider = activity.get("provider") or {}
        kind, module = provider.get("type"), str(provider.get("module"))
        if activity.get("type") != "action" or activity.get("name") not in acted:
            continue
        if kind in ("process", "http"):
            found[f"{kind} actions{aside if kind == 'process' else ''}"] = None
        elif not ((driver := registry.claiming(provider)) and driver.sees_residue):
            found[f"actions of {module}{aside}"] = None
    return list(found)
