"""Start message: everything that worker, undoer and whoever undoes after a crash need to know of a run, in one frozen value.

It goes through the pipe of each child, and into the run's folder as `run.json`, without any secret, for an undo from disk. The parent
knows the first part when it starts the children; the rest is what it finds out before the first change, and keeps on disk by then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from runner import codec, files
from runner.rundir.names import START
from runner.timeline.asked import Asked
from runner.timeline.mark import Indicator
from runner.timeline.mask import Mask

HIDDEN = "<not on disk>"
"""Stands for a literal secret of the experiment file in `run.json`: it is read from the file again."""
CREDENTIALS = ("vault_token", "vault_role_id", "vault_role_secret")
"""What a configuration says to a vault: as good as a secret."""


@dataclass(frozen=True, kw_only=True)
class PlaygroundProcess:
    """The process of a playground that ends with the run: when it is gone, so are its pods, nodes and faults."""

    pid: int
    created: float
    """When it was started, in seconds since 1970: process ids are used again."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What of a run's changes the file wants to stay."""

    names: tuple[str, ...] | None = ()
    """By name; None: all of it."""
    rest: bool = False
    """Also whatever no action explains."""


@dataclass(frozen=True, kw_only=True)
class WaitFor:
    """What the method waits for after an activity, in the place of its pause."""

    after: str
    probe: str
    """One of the method or the hypothesis, judged by its own tolerance."""
    within_s: float
    every_s: float = 1.0


@dataclass(frozen=True, kw_only=True)
class StartMessage:
    """What one run is, and how it is undone."""

    run: str
    """The run's id."""
    folder: str
    """The run's folder: ledger, events, logs and record are in it."""
    started_at: datetime
    started_mono_ns: int
    """The same moment on the monotonic clock of this boot."""
    document: Mapping[str, Any]
    """The experiment as Chaos Toolkit reads it, references not yet resolved."""
    title: str = ""
    experiment: str = ""
    """The file's path or URL as it was given, relative to `cwd`."""
    experiment_hash: str = ""
    service: str = ""
    gameday: str | None = None
    """The id of the GameDay that the run belongs to."""
    labels: dict[str, str] = field(default_factory=dict)
    asked: Asked | None = None
    """What the run was asked for besides its file, for its record."""
    cwd: str = ""
    """Where the run was started: paths of the file, and its own modules, are found from there."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    """What replaces entries of the configuration: `--var` and `--var-file`."""
    secret_variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The same for secrets; never on disk."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """The configuration's values as far as they are known; from `ready` on those of its probes too."""
    settings: str = ""
    """The file of Chaos Toolkit's settings; empty where there is none."""
    modules: tuple[str, ...] = ()
    """Python modules of the experiment's activities: imported before the first action, so that it is not late."""
    undoes_with: tuple[str, ...] = ()
    """Modules of ours that the undo needs besides."""
    reveal: tuple[str, ...] = ()
    """Groups of secrets that the parent needs itself, for sources of measurements or alerts."""

    strategy: str = "default"
    """When Chaos Toolkit asks the hypothesis: its own word, `skip` where it is not to be asked."""
    frequency: float = 1.0
    """Seconds between two checks of a hypothesis that is asked continuously."""
    rollbacks: str = "default"
    """When the file's rollbacks are played: default, always, never or deviated."""
    dry: str = ""
    """What is not executed: probes, actions, activities or pause; empty where everything is."""
    hooked: bool = False
    """There are controls, whose hooks after the rollbacks the worker calls once the undoer has played them."""
    proofs: Mapping[str, str] = field(default_factory=dict)
    """By action, the probe that the file names as the proof that it bit."""
    seed: int | None = None
    """From which the activities of the method draw their random choices."""
    pins: tuple[str, ...] = ()
    """Targets, by name, at which actions that choose are aimed."""
    waits: tuple[WaitFor, ...] = ()
    """What the method waits for."""
    stays: tuple[str, ...] = ()
    """Actions, by name, whose change the file declares to stay."""

    context: str = ""
    """The context of the kubeconfig that was cleared; empty where the run was handed no cluster."""
    namespace: str = ""
    """The namespace of that context."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What the run's processes have in their environment besides ours: its private kubeconfig, its playground's addresses."""
    handed: Mapping[str, str] = field(default_factory=dict)
    """Where that kubeconfig came from; empty where the run was handed no cluster."""
    playground: PlaygroundProcess | None = None
    afterwards: tuple[str, ...] = ()
    """The command by which whoever undoes alone puts the run on record and tells others; empty where nobody is to be told."""

    owners: Mapping[str, str] = field(default_factory=dict)
    """By action, who puts it back should we die: system, undoer or nobody."""
    unseeable: tuple[str, ...] = ()
    """Actions, by name, whose change nobody can see from outside."""
    unplayed: str = ""
    """Why nothing is put back, where the file says so."""
    snapshots: Mapping[str, Any] = field(default_factory=dict)
    """By fault system, its state before the run, which the search for residue compares with."""
    kept: Kept = field(default_factory=Kept)
    """What of the run's changes the file wants to stay."""
    locks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By fault system, the locks that the run holds."""
    indicators: tuple[Indicator, ...] = ()
    """What is measured, and where the samples are."""

    on_orphan: tuple[str, ...] = ()
    """The command that a child starts when the parent has died: it replays the ledger. Through the pipe only."""
    hide: tuple[str, ...] | None = field(default=None, repr=False)
    """Every secret value, to be masked; None where nobody has read them yet. Never on disk."""
    known_secrets: Mapping[str, Any] | None = field(default=None, repr=False)
    """The secrets by group, as this process has read them: a vault need not live as long as a run. Never leaves the process."""


NEVER_KEPT = ("secret_variables", "hide", "known_secrets", "on_orphan")
LEARNT = ("owners", "unseeable", "unplayed", "snapshots", "kept", "locks", "indicators")
"""What the parent finds out after it has started its children."""


def save(start: StartMessage, *, durable: bool, hide: Iterable[str] = ()) -> None:
    """Write what a replay needs, without any secret: references stay references, literals are hidden.

    `hide` are the secrets that are known so far, beside those that can be read here. Only the last one before the first
    change has to be `durable`.
    """
    document = {**start.document, "secrets": _hide(start.document.get("secrets") or {})}
    configuration = _harmless(start, [*hide, *_values(start.secret_variables)])
    kept = replace(start, document=document, configuration=configuration)
    plain = {name: value for name, value in codec.encode(kept).items() if name not in NEVER_KEPT}
    files.write_atomically(Path(start.folder) / START, plain, mode=0o600, durable=durable)


def with_learnt(start: StartMessage) -> StartMessage:
    """For a child whose parent has died: what that had found out since, as it is on disk."""
    found = _read(Path(start.folder))
    return replace(start, **{name: getattr(found, name) for name in LEARNT})


def load(folder: Path) -> StartMessage:
    """The start message of a run, literal secrets read again from the experiment's file where it still stands.

    Raises OSError, and ValueError for what is no start message.
    """
    start = _read(folder)
    file = Path(start.cwd, start.experiment)  # given from where the run was started, not from where we are
    if HIDDEN in json.dumps(start.document.get("secrets") or {}) and file.is_file():
        from runner.experiment import source

        secrets = source.read(str(file)).tree.get("secrets") or {}
        return replace(start, document={**start.document, "secrets": secrets})
    return start


def _read(folder: Path) -> StartMessage:
    found = json.loads((folder / START).read_text(encoding="utf-8"))
    return codec.decode(StartMessage, _upgraded(found) if isinstance(found, dict) else found, START)


def _upgraded(found: dict[str, Any]) -> dict[str, Any]:
    """Of a run that an earlier version left: it knew one fault system, the cluster."""
    if snapshot := found.pop("snapshot", None):
        found["snapshots"] = {"kubernetes": snapshot}
        found["kept"] = {"names": snapshot.get("left", ()), "rest": bool(snapshot.get("rest_stays"))}
    if leases := found.pop("leases", None):
        found["locks"] = {"kubernetes": leases}
    return found


def _harmless(start: StartMessage, hide: list[str]) -> dict[str, Any]:
    """The values of the configuration that hold no secret: whoever replays reads the others again, by their names."""
    mask = Mask([*hide, *_values(start.document.get("secrets"))])
    found = start.configuration.items()
    return {name: value for name, value in found if name not in CREDENTIALS and mask.value(value) == value}


def _values(secrets: Any) -> Iterator[str]:
    """Every secret in a tree that can be read here: literals, and what the environment has."""
    if not isinstance(secrets, Mapping):
        yield from [secrets] if isinstance(secrets, str) else []
    elif secrets.get("type") == "env":
        yield from filter(None, [os.environ.get(str(secrets.get("key")))])
    elif secrets.get("type") != "vault":
        for value in secrets.values():
            yield from _values(value)


def _hide(secrets: Any) -> Any:
    if isinstance(secrets, Mapping):
        if secrets.get("type") in ("env", "vault"):
            return dict(secrets)
        return {k: _hide(v) for k, v in secrets.items()}
    return HIDDEN
