"""Driver: the protocol of one fault system. Plan, policy, locks, ledger, proof, undo and scan ask it, and know no system by name.

A `Driver` says, without reaching anything, which activities of a file act on its system and which environment they would strike.
`Driver.open` gives a `FaultSystem`: the system in one run, with its clients. All that it takes and gives can be written as JSON, for it
lives in the undoer, a process of its own.

Built-in drivers are listed in `registry.py`; others come by the entry-point group `chaos_run.faults`. `conformance.py` has the cases that
every driver must pass.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

Provider = Mapping[str, Any]
"""The `provider` of an activity, as the file has it."""
UNKNOWN = "unknown"


class Claim(IntEnum):
    """Whether an activity acts on a fault system, from least to most."""

    NO = 0
    PERHAPS = 1
    """A program or somebody's own code: it acts on whatever its environment lets it reach."""
    YES = 2
    """It cannot do its work without the system."""


class Owner(StrEnum):
    """Who undoes an action if the runner dies."""

    SYSTEM = "system"
    """The fault system itself: a controller that makes a new pod, or a time to live."""
    UNDOER = "undoer"
    NOBODY = "nobody"
    STAYS = "stays"
    """It is meant to stay: the file says so."""


class State(StrEnum):
    """What became of an undo record: the closed set of answers of `FaultSystem.undo`."""

    UNDONE = "undone"
    ALREADY = "already"
    """There was nothing to undo (any more)."""
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where an activity strikes: what the policy is asked about."""

    system: str
    """The driver's name; empty where no driver claims the activity."""
    name: str
    """As the policy's patterns are compared with it, and as people read it: a context, an account and region."""

    def __str__(self) -> str:
        return f"{self.system} {self.name}" if self.system else self.name


@dataclass(frozen=True, kw_only=True)
class Where:
    """What a run's processes find around them, as far as it says which environment they strike."""

    context: str = ""
    """The Kubernetes context that was cleared; empty where the run was handed no cluster."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Activity:
    """One activity of the file, its arguments filled in."""

    name: str
    provider: Provider
    arguments: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of the groups that its provider names, merged as Chaos Toolkit does."""


@dataclass(frozen=True, kw_only=True)
class UndoStep:
    """An undo record to write before the change: `kind` says how it is undone, `what` says it to people, `args` are plain values."""

    kind: str
    what: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FaultTarget:
    """One action of the method, resolved before anything is changed."""

    action: str
    system: str = ""
    """The driver that resolved it; empty where none claims it."""
    kind: str = UNKNOWN
    """The driver's own word for what is done and how it is confirmed; `unknown` where no target could be resolved."""
    targets: tuple[str, ...] = ()
    """By name, `kind/scope/name`; for a random choice every candidate, with `note` saying how many are taken."""
    note: str = ""
    scopes: tuple[str, ...] = ()
    """The parts of the system that it may touch: in Kubernetes the namespaces."""
    objects: tuple[str, ...] = ()
    """What it makes or changes itself, by name, where it acts on its targets by that."""
    owner: str = Owner.NOBODY
    undo: tuple[UndoStep, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    """What `confirm` compares with."""
    arguments: Mapping[str, Any] | None = None
    """What it is called with in the place of the file's arguments: what was resolved is what is done, where a person has named its
    targets (`pinned`), they are drawn by the run's seed, or a share of what was there has become a number."""
    pinned: bool = False
    ttl_s: float | None = None
    """After how many seconds the fault system ends it by itself, whoever has died; None where it never does."""
    visible: bool = True
    """Whether what it does can be seen from outside, when its kind is known."""
    probe: str | None = None
    """The probe that the file names as proof: it must hold after the action, and not before."""
    held_before: bool = False
    settled: bool = False
    """Nothing can be there after it, or free to be hit, that was not before: later actions may be resolved now."""
    stays: bool = False
    """The file lists it under `stays:`."""
    kept: tuple[UndoStep, ...] = ()
    """Undo steps that it goes without, because the file wants it so."""

    @property
    def resolved(self) -> bool:
        """Whether its targets are known beforehand."""
        return self.kind != UNKNOWN

    @property
    def provable(self) -> bool:
        """Whether there is a way to see that it took effect."""
        return (self.resolved and self.visible) or self.probe is not None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Whether a fault took effect, in a sentence, and whom it hit by name."""

    confirmed: bool
    sentence: str
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one undo record."""

    state: State
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Residue:
    """What the look at a system after the undo found, a sentence each."""

    residue: tuple[str, ...] = ()
    """Left by this run, or it may be."""
    meant: tuple[str, ...] = ()
    """Left by this run, as the file wants it."""
    others: tuple[str, ...] = ()
    """Changed meanwhile by somebody else."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at."""
    cleared: tuple[str, ...] = ()
    """The evidence that nothing is left, where there is some to name."""
    missed: tuple[str, ...] = ()
    """Looks that failed, with the reason."""

    def __add__(self, other: Residue) -> Residue:
        return Residue(**{f.name: (*getattr(self, f.name), *getattr(other, f.name)) for f in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was found before anything was changed."""

    refused: tuple[str, ...] = ()
    """Why the systems that the experiment leads to are not those that the policy cleared; with it nothing else was looked at."""
    actions: tuple[FaultTarget, ...] = ()
    """Every action of the method, in its order."""
    snapshots: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By driver: the state to compare with after the undo."""
    locks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By driver: the locks that stand for the blast radius."""
    withheld: Mapping[str, str] = field(default_factory=dict)
    """Rollbacks, by their index, that would undo what somebody else did, with a sentence."""
    unsure: bool = False
    """Whether something could strike a system elsewhere than where its targets are."""
    unlocked: tuple[str, ...] = ()
    """Actions whose place the locks may not cover, a sentence for each system."""


class Secrets(Protocol):
    """The experiment's secrets, each resolved when it is asked for."""

    def group(self, name: str) -> Mapping[str, Any]:
        """One group alone. Raises EnvironmentFailure when it cannot be resolved here."""
        ...

    def every(self) -> Mapping[str, Mapping[str, Any]]:
        """All groups by name. Raises EnvironmentFailure when one cannot be resolved here."""
        ...

    def starting_with(self, prefix: str) -> dict[str, Any]:
        """The entries of all groups whose names begin so, merged; only what is needed for them is resolved."""
        ...


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One run, as its fault systems see it: the same in every process."""

    run: str
    secrets: Secrets = field(repr=False)
    configuration: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The file's configuration, resolved; what a probe has to tell and nobody has asked is left out."""
    context: str = ""
    """The Kubernetes context that was cleared; empty where the run was handed no cluster."""
    namespace: str = ""
    """Its default namespace."""
    server: str = ""
    """A hash of its API server's address."""
    seed: int | None = None
    """What the run's activities draw from; None where nothing is drawn yet: a plan."""
    programs: bool = False
    """Programs or code of the experiment's own act in it: what they changed is the run's, whoever the system says it was."""


class FaultSystem(Protocol):
    """One fault system in one run. Whatever it asks may raise: the caller has a deadline and says what was answered."""

    def check(self) -> None:
        """See that the system lets us in, and that the experiment's secrets lead where the policy cleared.

        Raises EnvironmentFailure with the system's own words, Refused when they lead elsewhere.
        """
        ...

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """Whom an action would hit, by the client that strikes; None where the driver does not know the action."""
        ...

    def scopes(self, providers: Sequence[Provider]) -> tuple[str, ...]:
        """The parts of the system that programs and own code of the experiment name, else where they would land."""
        ...

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """The state to compare with after the undo, of what these actions could change; empty where there is nothing to compare.

        `must`: a system that cannot be looked at is an error; else `objects` is None and `unseen` says why.
        """
        ...

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        """Whether the action took effect, seen independently of what it says of itself."""
        ...

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """Play one undo record: idempotent, and `already` when there is nothing to undo. `hurried`: the same server just failed us."""
        ...

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """What differs from the snapshot, and what is left of everything that these undo records name."""
        ...


class Driver(Protocol):
    """One kind of fault system."""

    name: str
    said: str
    """What the system is called in a sentence: `the cluster`."""
    undoes: Collection[str]
    """The kinds of undo records that it plays."""
    ends_with_target: bool
    """Whether what it changes is gone when the target that was started for the run (the playground) is."""

    imports: Collection[str]
    """Modules that its undo needs, imported ahead where its undo records may come up: an undo must not wait for them."""
    sees_residue: bool
    """Whether it can see what its actions left behind; else only their author knows where to look."""

    def claims(self, provider: Provider) -> Claim:
        """Whether an activity acts on this system."""
        ...

    def environment(self, provider: Provider, where: Where) -> Environment:
        """Which environment an activity that it claims would strike; nothing is asked over the network."""
        ...

    def concerns(self, args: Mapping[str, Any]) -> str:
        """What an undo record of these plain values puts back, named as `residue` names it."""
        ...

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        """Which server an undo record asks: once it has failed, its further records are `hurried`. Empty: never."""
        ...

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        """Seconds that `residue` may take, for these undo records."""
        ...

    def open(self, setting: Setting) -> FaultSystem:
        """The system in one run. Cheap: clients are made when they are needed."""
        ...


@runtime_checkable
class Handing(Protocol):
    """A driver that hands each run a private way into its system, in the run's folder, and none that leads elsewhere."""

    def environment_of(self, handed: Mapping[str, str], around: Mapping[str, str]) -> dict[str, str]:
        """The environment `around` with what was handed in the place of all that would lead elsewhere."""
        ...

    def renew(self, folder: Path, handed: Mapping[str, str]) -> None:
        """For an undo that comes later: the same way with a login that is newer. `handed` says where it came from."""
        ...

    def forget(self, folder: Path) -> None:
        """Take it away: the run is over, and nothing is left to be undone."""
        ...


@dataclass(frozen=True, kw_only=True)
class LockAnswer:
    """What became of asking for a lock."""

    held: bool | None
    """None: no lock can be had there, `error` says why."""
    holder: str = ""
    since: str = ""
    error: str = ""


@runtime_checkable
class Locking(Protocol):
    """A fault system that can hold a lock with a visible holder, so that runs of other machines keep off."""

    def lock_names(self, scopes: Collection[str], targets: Collection[str]) -> list[str]:
        """The locks that stand for a blast radius, in a fixed order, against deadlocks."""
        ...

    def acquire(self, name: str) -> LockAnswer: ...

    def renew(self, name: str) -> bool:
        """Whether we still hold it."""
        ...

    def release(self, name: str) -> bool:
        """Let go of it if it is ours."""
        ...


@runtime_checkable
class Fronted(Protocol):
    """A fault system that knows by which way users reach a target."""

    def services(self, targets: Sequence[str]) -> list[str]:
        """The services that lead users to these targets."""
        ...


@runtime_checkable
class Pinning(Protocol):
    """A fault system in which an action that chooses its targets can be aimed at some of them by name."""

    def pinned(self, activity: Activity, names: Collection[str]) -> Mapping[str, Any] | None:
        """The arguments with which it hits exactly those of these targets that it could choose; None where there are none, or no way."""
        ...


@runtime_checkable
class Reading(Protocol):
    """A driver that reads in the words of a program where it would strike."""

    def leaves(self, provider: Provider, context: str) -> str:
        """By which words a program, or code that starts one, would leave the context that was cleared; empty where it does not say so."""
        ...

    def unread(self, provider: Provider) -> bool:
        """Whether it acts on the system in a part that its words do not name: a lock may then stand elsewhere."""
        ...


@runtime_checkable
class Withholding(Protocol):
    """A fault system that knows which rollbacks of the file would undo what somebody else did."""

    def withheld(self, rollback: Activity, before: Mapping[str, Any]) -> str:
        """What of somebody else's it would undo, in a sentence; empty where nothing."""
        ...


@runtime_checkable
class Making(Protocol):
    """A fault system in which the runner itself makes something for a run, beside the activities of the file."""

    def readable(self, asked: Sequence[Mapping[str, Any]]) -> str:
        """Why what undo records with these values name cannot be reached and read, before anything is made; empty where it can."""
        ...

    def make(self, kind: str, args: Mapping[str, Any], seconds: float, why: str) -> str:
        """Make it, for `seconds` at the most, and see that it holds; why not, in a sentence, or empty. Its undo record is on disk."""
        ...


def unknown(action: str, *, system: str = "", scopes: tuple[str, ...] = (), note: str = "") -> FaultTarget:
    """An action whose targets are not known beforehand: only the experiment's own rollbacks put it back."""
    return FaultTarget(action=action, system=system, scopes=scopes, note=note)
