"""Policy: which environments may be broken, and what must be true of an experiment before it may run there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from runner import errors
from runner.faults.driver import Environment, FaultTarget, Owner

SANDBOXES: Mapping[str, tuple[str, ...]] = {
    "kubernetes": ("playground", "kind-*", "k3d-*", "minikube", "docker-desktop"),
    "aws": ("stand-in at *",),
    "postgresql": ("127.0.0.1:*", "localhost:*", "::1:*"),
    "toxiproxy": ("127.0.0.1:*", "localhost:*", "[::1]:*"),
    "host": ("*",),
    "stress-ng": ("this machine",),
    "network": ("this machine",),
    "pumba": ("unix://*", "tcp://127.0.0.1:*", "tcp://localhost:*"),
}
"""The sandbox allowlist, by fault system: environments that are there to be broken. Any other is refused until a policy file names it."""
SANDBOX = "sandbox"
LOCAL = "local"
"""Where experiments run that were handed no cluster: this machine and what it reaches over HTTP."""
UNKNOWN = "unknown"
"""An environment that is on no list; the file accepted it by name, or the run was refused."""


@dataclass(frozen=True, kw_only=True)
class PolicyRequest:
    """What the policy is asked before the first change."""

    environment: str
    """Of the run: sandbox, local or unknown."""
    actions: Sequence[FaultTarget]
    accept_no_undo: Collection[str] = ()
    """Actions that the file accepts without an undo, by name."""


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """The policy's answer: where we are, and every reason against it. Without reasons the run may go on."""

    environment: str
    reasons: tuple[str, ...] = ()
    accepted: Mapping[str, Environment] = field(default_factory=dict)
    """Actions whose environment is on no list, and which the file accepts by name."""

    hint: str | None = None
    """What can be done about the reasons."""

    def require(self, *, hint: str | None = None) -> None:
        """Raises Refused with all reasons."""
        if self.reasons:
            raise errors.Refused("the safety policy refuses this run", reasons=self.reasons, hint=hint or self.hint)


def is_sandbox(where: Environment) -> bool:
    """Whether an environment is on the sandbox allowlist."""
    return any(fnmatchcase(where.name, pattern) for pattern in SANDBOXES.get(where.system, ()))


def requires_undo(where: str) -> bool:
    """Whether an action that nobody undoes fails a run there, unless its file accepts it by name or declares it to stay."""
    return where not in (SANDBOX, LOCAL)


def judge_context(context: str) -> Clearance:
    """May this Kubernetes context be struck at all? Asked before anything is started or reached."""
    where = Environment(system="kubernetes", name=context)
    if is_sandbox(where):
        return Clearance(environment=SANDBOX)
    known = ", ".join(SANDBOXES["kubernetes"])
    return Clearance(
        environment=UNKNOWN, reasons=(f"context {context!r} is not on the sandbox allowlist: only {known} are",)
    )


def judge_environments(run: str, struck: Sequence[tuple[str, Environment]], accepted: Collection[str]) -> Clearance:
    """May these actions, by name, strike the environments that their drivers name? `run`: the environment of the run itself.

    An action that no driver claims may run in a sandbox alone; one of a system that the sandbox is no part of, nowhere: unless the
    file accepts either by name.
    """
    foreign = {name: where for name, where in struck if not _is_cleared(run, where)}
    refused = {name: where for name, where in foreign.items() if name not in accepted}
    return Clearance(
        environment=UNKNOWN if foreign else run,
        reasons=tuple(_reasons(refused)),
        accepted={name: where for name, where in foreign.items() if name in accepted},
        hint=f"to run it all the same: accept_environment: [{', '.join(refused)}] in the file's chaos-run block",
    )


def _is_cleared(run: str, where: Environment) -> bool:
    """Kubernetes' context was judged when it was chosen, and nothing else was handed to the run."""
    return where.system == "kubernetes" or is_sandbox(where) or (not where.system and run == SANDBOX)


def _reasons(foreign: Mapping[str, Environment]) -> Iterator[str]:
    for name, where in foreign.items():
        if where.system:
            yield f"the action {name!r} strikes {where}, which is not on the sandbox allowlist"
        else:
            yield f"the action {name!r} ({where.name}) strikes an environment that no fault driver knows"


def judge_faults(request: PolicyRequest) -> Clearance:
    """An action that nobody undoes if we die is refused outside a sandbox, unless the file accepts it by name."""
    if not requires_undo(request.environment):
        return Clearance(environment=request.environment)
    hitting = [a for a in request.actions if a.targets or not a.resolved]
    orphans = [a.action for a in hitting if a.owner == Owner.NOBODY and a.action not in request.accept_no_undo]
    return Clearance(
        environment=request.environment,
        reasons=tuple(
            f"nothing undoes {name!r} if the runner dies: declare a rollback or accept it by name" for name in orphans
        ),
    )
