"""Aim: what one action of the method is about to hit, what puts it back, and how it is proven that it bit.

Resolved before anything is changed, by the client that strikes; `actions.py` has the table. Of an action that is not in it no target
is known; its proof is what it reports, and only the experiment's own rollbacks put it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the client takes half a second to import, and most experiments on a laptop never need it
    from runner.faults.kubernetes.client import Cluster

Arguments = Mapping[str, Any]
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Aim:
    """One action, resolved."""

    action: str
    kind: str = UNKNOWN
    """A key of `actions.PROOFS`, or `unknown`."""
    targets: tuple[str, ...] = ()
    """By name; for a random choice every candidate, with `note` saying how many are taken."""
    note: str = ""
    namespaces: tuple[str, ...] = ()
    owner: str = "nobody"
    """Who undoes if we die: system, undoer or nobody."""
    undo: tuple[dict[str, Any], ...] = ()
    """Undo records to write before the action: `{kind, what, args}`."""
    before: dict[str, Any] = field(default_factory=dict)
    """What the proof compares with."""
    visible: bool = True
    """Whether what it does can be seen from outside, when its kind is known."""
    probe: str | None = None
    """The probe that the file names as proof: it must hold after the action, and not before."""
    held_before: bool = False

    def to_json(self) -> dict[str, Any]:
        """`resolved`: its targets are known beforehand; `provable`: there is a way to see that it bit."""
        resolved = self.kind != UNKNOWN
        return asdict(self) | {
            "resolved": resolved,
            "provable": (resolved and self.visible) or self.probe is not None,
        }


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Whether a fault has bitten, in a sentence, and whom it hit by name."""

    bitten: bool
    sentence: str
    targets: tuple[str, ...] = ()


Survey = Callable[["Cluster", str, Arguments], Aim]
"""From the cluster, the action's name and its arguments to its aim."""
Proof = Callable[["Cluster", Mapping[str, Any]], Evidence]
"""From the cluster and what was before to the evidence."""


def unknown(action: str, document: Mapping[str, Any], namespaces: tuple[str, ...] = (), note: str = "") -> Aim:
    """The aim of an action whose targets nobody knows: only the experiment's own rollbacks put it back."""
    owner = "undoer" if document.get("rollbacks") else "nobody"
    return Aim(action=action, owner=owner, namespaces=namespaces, note=note)


def concerned(args: Mapping[str, Any]) -> str:
    """What an undo record of a cluster concerns, named as the scan for residue names it."""
    return f"node/{args['node']}" if "node" in args else f"{args['resource']}/{args['namespace']}/{args['name']}"
