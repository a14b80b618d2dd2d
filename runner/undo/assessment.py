"""Account: what a run's actions, its undo ledger and the look afterwards say together about the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.experiment import reach
from runner.rundir.start_message import StartMessage
from runner.timeline import way_back
from runner.timeline.record import UndoStep
from runner.timeline.way_back import WayBack

NOBODY = "nobody"
NO_UNDO = "has no undo: revert its change by hand"


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the look at the world after the undo found, a sentence each."""

    residue: tuple[str, ...] = ()
    """Left by this run."""
    others: tuple[str, ...] = ()
    """Changed meanwhile by somebody else."""
    meant: tuple[str, ...] = ()
    """Left by this run, as the file wants it."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at, known beforehand."""
    missed: tuple[str, ...] = ()
    """Looks that failed, with the reason."""

    @classmethod
    def of(cls, found: Mapping[str, Sequence[str]]) -> Look:
        """From what a scan gives."""
        return cls(**{name: tuple(found.get(name) or ()) for name in ("residue", "others", "meant", "unseen")})


def owner(aim: Mapping[str, Any]) -> str:
    """Who puts back what an action did; what is known to have no target did nothing."""
    return "system" if aim["resolved"] and not aim["targets"] else str(aim["owner"])


def way(start: StartMessage, begun: Iterable[str], steps: Sequence[UndoStep], look: Look, *, clean: bool) -> WayBack:
    """The way back of a run whose actions named in `begun` were begun; `clean`: the ledger was played to its end."""
    stay, acted = set(start.stays), list(dict.fromkeys(begun))
    last = {
        s.what: s for s in steps if s.step
    }.values()  # 0 ends the method's processes; a new undoer plays again what failed
    failed = [f"{s.what} ({s.error})" for s in last if s.state == "failed"]
    return way_back.told(
        acted=bool(acted),
        done=len(last) - len(failed),
        failed=failed or ([] if clean else ["the undoer died"]),
        residue=look.residue,
        no_undo=[name for name in acted if start.owners.get(name) == NOBODY and name not in stay],
        stays=[name for name in acted if name in stay],
        unplayed=start.unplayed,
        meant=look.meant,
        unseen=[*look.unseen, *_unseen(start, set(acted))],
        missed=look.missed,
    )


def _unseen(start: StartMessage, acted: set[str]) -> list[str]:
    """Whatever an action of these providers changed, nobody but its author knows where to look; but in the cluster we did."""
    found = {f"what {name} did inside pods": None for name in start.unseeable if name in acted}
    aside = " outside the cluster" if start.snapshot.get("objects") is not None else ""
    for activity in start.document.get("method") or ():
        provider = activity.get("provider") or {}
        kind, module = provider.get("type"), str(provider.get("module"))
        if activity.get("type") != "action" or activity.get("name") not in acted:
            continue
        if kind in ("process", "http"):
            found[f"{kind} actions{aside if kind == 'process' else ''}"] = None
        elif not reach.of_cluster(module):
            found[f"actions of {module}{aside}"] = None
    return list(found)
