"""Policy: which environments may be broken, and what must be true of an experiment before it may run there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from runner import errors

SANDBOXES = ("playground", "kind-*", "k3d-*", "minikube", "docker-desktop")
"""Contexts that are known to be there to be broken. Any other is refused until a policy file names its environment."""
LOCAL = "local"
"""The environment of experiments that strike no cluster: this machine and what it reaches over HTTP."""


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """The policy's answer: where we are, and every reason against it. Without reasons the run may go on."""

    environment: str
    reasons: tuple[str, ...] = ()

    def require(self, *, hint: str | None = None) -> None:
        """Raises Refused with all reasons."""
        if self.reasons:
            raise errors.Refused("the safety policy refuses this run", reasons=self.reasons, hint=hint)


def environment(context: str) -> str | None:
    """`sandbox` for a known context, `local` without one, None for a context nobody has named."""
    if not context:
        return LOCAL
    return "sandbox" if any(fnmatchcase(context, pattern) for pattern in SANDBOXES) else None


def requires_undo(where: str) -> bool:
    """Whether an action that nobody undoes fails a run there, unless its file accepts it by name or declares it to stay."""
    return where not in ("sandbox", LOCAL)


def judge_context(context: str) -> Clearance:
    """May this context be struck at all? Asked before anything is started or reached."""
    found = environment(context)
    if found is None:
        known = ", ".join(SANDBOXES)
        return Clearance(environment="unknown", reasons=(f"context {context!r} is not known: only {known} are",))
    return Clearance(environment=found)


def judge_faults(where: str, aims: Sequence[Mapping[str, Any]], accepted: Sequence[str]) -> Clearance:
    """Nobody undoing a fault if we die is refused outside a sandbox, unless the file accepts it by name."""
    orphans = [a["action"] for a in aims if a["owner"] == "nobody" and a["action"] not in accepted]
    if where in ("sandbox", LOCAL):
        return Clearance(environment=where)
    return Clearance(
        environment=where,
        reasons=tuple(
            f"nothing undoes {name!r} if the runner dies: declare a rollback or accept it by name" for name in orphans
        ),
    )
