"""Status: how far Chaos Mesh has come with one of its objects, read from its records and never from its conditions alone.

`AllRecovered` is also true before an injection and while it fails again and again, and a fault whose duration is over without ever
having been injected looks like one that was put back. So what counts is each record: its phase, its counts and its last events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LONGEST = 300
"""Characters of a daemon's account of why it could not inject."""
MOST_NAMES = 2
"""Targets that a sentence names; of more it says how many."""
NETWORK_SIDES: Mapping[str, tuple[str, ...]] = {"to": (".",), "from": (".Target",), "both": (".", ".Target")}
"""On which records a network fault acts, by its direction: those of the other side say Injected although nothing is done to them."""


class State(StrEnum):
    """How far an object has come."""

    UNSEEN = "unseen"
    """No controller has written anything to it."""
    PENDING = "pending"
    VACUOUS = "vacuous"
    """Nothing is selected; the controller does not look again."""
    PARTIAL = "partial"
    """In some targets; the controller tries the others for ever."""
    INJECTED = "injected"
    FAILED = "failed"
    """In no target, and the last attempt failed, or its duration is over without it."""
    ENDING = "ending"
    """Its duration is over, or it is being deleted, and some target has not been put back."""
    ENDED = "ended"
    """Injected, and put back in every target."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One record: a pod, or a container of one."""

    id: str
    """`namespace/pod`, or `namespace/pod/container`."""
    phase: str
    injected: int
    recovered: int
    applied: bool
    """Whether the last attempt to inject succeeded."""
    trouble: str
    """Why the last attempt, to inject or to put back, failed; empty where it did not."""

    @property
    def pod(self) -> str:
        """`namespace/pod`."""
        return "/".join(self.id.split("/")[:2])

    @property
    def hit(self) -> bool:
        """Whether the fault is in it, by phase, event and count together."""
        return self.phase == "Injected" and self.applied and self.injected >= 1

    @property
    def put_back(self) -> bool:
        """Whether the fault was in it and is not any more."""
        return self.phase == "Not Injected" and self.injected >= 1 and self.recovered >= self.injected

    @property
    def untouched(self) -> bool:
        """Whether nothing was ever tried."""
        return self.phase == "Not Injected" and not self.injected and not self.trouble


@dataclass(frozen=True, kw_only=True)
class Status:
    """One object."""

    state: State
    targets: tuple[Target, ...]
    leaving: bool
    """It has been deleted and waits for its finalizers."""
    sentence: str
    """`injected into shop/web-1`, `failed in shop/web-1: …`."""

    @property
    def pods(self) -> tuple[str, ...]:
        """`namespace/pod` of those that the fault is in."""
        return tuple(dict.fromkeys(t.pod for t in self.targets if t.hit))

    @property
    def harmless(self) -> bool:
        """Whether it acts on nothing and never will again."""
        over = self.state in (State.VACUOUS, State.ENDED, State.FAILED)
        return over and all(t.put_back or t.untouched for t in self.targets)


def names(of: Iterable[str]) -> str:
    """`shop/web-1, shop/web-2 and 4 more`."""
    found = [*dict.fromkeys(of)]
    more = f" and {len(found) - MOST_NAMES} more" if len(found) > MOST_NAMES else ""
    return ", ".join(found[:MOST_NAMES]) + more


def troubles(targets: Sequence[Target]) -> str:
    """Where the last attempts failed, and why the first of them did: `shop/web-1 and 5 more: no daemon on its node`."""
    failed = [t for t in targets if t.trouble]
    return f"{names(t.id for t in failed)}: {failed[0].trouble}" if failed else ""


def read(found: Mapping[str, Any]) -> Status:
    """Of an object as the API gives it."""
    status = found.get("status") or {}
    experiment = status.get("experiment") or {}
    conditions = {str(c.get("type")): c.get("status") for c in status.get("conditions") or ()}
    targets = _targets(found, experiment.get("containerRecords") or ())
    leaving = "deletionTimestamp" in (found.get("metadata") or {})
    stopped = experiment.get("desiredPhase") == "Stop"
    state = _state(targets, conditions, over=leaving or stopped)
    return Status(state=state, targets=targets, leaving=leaving, sentence=_sentence(state, targets, stopped))


def _state(targets: Sequence[Target], conditions: Mapping[str, Any], *, over: bool) -> State:
    if not targets:
        return State.VACUOUS if conditions.get("Selected") == "False" else State.PENDING if conditions else State.UNSEEN
    hit = sum(t.hit for t in targets)
    if over and all(t.put_back or t.untouched for t in targets):
        return State.ENDED if any(t.put_back for t in targets) else State.FAILED
    if over:
        return State.ENDING if any(t.injected for t in targets) else State.FAILED
    if hit == len(targets):
        return State.INJECTED
    failing = any(t.trouble for t in targets)
    if hit:
        return State.PARTIAL if failing else State.PENDING
    return State.FAILED if failing else State.PENDING


def _sentence(state: State, targets: Sequence[Target], stopped: bool) -> str:
    hit, failed = names(t.id for t in targets if t.hit), troubles(targets)
    match state:
        case State.UNSEEN:
            return "no controller has taken it: does chaos-controller-manager run?"
        case State.VACUOUS:
            return "its selector finds no pod"
        case State.PENDING:
            return f"not injected yet into {names(t.id for t in targets if not t.hit) or 'anything'}"
        case State.PARTIAL:
            return f"injected into {hit}, and failed in {failed}"
        case State.INJECTED:
            return f"injected into {hit}"
        case State.ENDING:
            left = names(t.id for t in targets if not t.put_back and not t.untouched)
            return f"not put back in {left}" + (f" ({failed})" if failed else "")
        case State.ENDED:
            return f"put back in {names(t.id for t in targets)}"
        case State.FAILED:
            never = "its time was over before it was injected" if stopped else "not injected"
            return f"{never}: failed in {failed}" if failed else never


def _targets(found: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> tuple[Target, ...]:
    spec = found.get("spec") or {}
    sides = NETWORK_SIDES.get(str(spec.get("direction") or "to")) if found.get("kind") == "NetworkChaos" else None
    return tuple(_target(r) for r in records if sides is None or r.get("selectorKey") in sides)


def _target(record: Mapping[str, Any]) -> Target:
    events = record.get("events") or ()
    applies = [e for e in events if e.get("operation") == "Apply"]
    applied = bool(applies) and applies[-1].get("type") == "Succeeded"
    failed = events[-1] if events and events[-1].get("type") == "Failed" else {}
    return Target(
        id=str(record.get("id")),
        phase=str(record.get("phase")),
        injected=int(record.get("injectedCount") or 0),
        recovered=int(record.get("recoveredCount") or 0),
        applied=applied,
        trouble=" ".join(str(failed.get("message") or "no reason given").split())[:LONGEST] if failed else "",
    )
