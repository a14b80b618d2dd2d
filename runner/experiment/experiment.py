"""Experiment: the validated value that the rest of the program works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.experiment.model import Block, Objective
from runner.experiment.runtime import Runtime
from runner.experiment.settings import Settings

if TYPE_CHECKING:
    from runner.experiment.metric import Metric
    from runner.experiment.openslo_alerts import OfferedGuard


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One experiment: the document as Chaos Toolkit gets it, and our block with its variables resolved."""

    path: str
    """As given: a file's path or a URL."""
    document: Mapping[str, Any]
    """What goes to Chaos Toolkit: as written, with each `ref:` replaced by its activity and no two actions of the method of one name;
    `${name}`, env and Vault unresolved."""
    block: Block
    """Our block, `${name}` resolved; defaults where the file has none."""
    objectives: tuple[Objective, ...]
    """Shorthand objectives and OpenSLO documents alike, in the file's order."""
    metrics: tuple[Metric, ...] = ()
    """The indicators that are read from sources."""
    offered: Mapping[str, tuple[OfferedGuard, ...]] = field(default_factory=dict)
    """Guards that OpenSLO documents bring along, by objective."""
    access: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """The secrets of each source, by its name: never to be written anywhere."""
    vaulted: Mapping[str, str] = field(default_factory=dict)
    """Who needs a group of secrets that only a vault knows, and which: the engine asks for it when the run starts."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What `--var` and `--var-file` gave; handed to Chaos Toolkit as they are."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """The resolved configuration, without dynamic (probe) entries."""
    warnings: tuple[str, ...] = ()
    """What is doubtful in the file, each with its place: Chaos Toolkit would let it pass."""
    runtime: Runtime = field(default_factory=Runtime)
    """When the hypothesis is asked and the rollbacks are played."""
    settings: Settings = field(default_factory=Settings, repr=False)
    """The user's settings for Chaos Toolkit; the file they stand in is read again by whoever needs its secrets."""
    digest: str = ""
    """A hash of document and variables' names: the same experiment has the same one."""

    @property
    def title(self) -> str:
        return str(self.document.get("title", "untitled"))

    @property
    def method(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self.document.get("method") or ())

    @property
    def actions(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(a for a in self.method if a.get("type") == "action")

    @property
    def rollbacks(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self.document.get("rollbacks") or ())

    @property
    def wants_no_undo(self) -> bool:
        """Whether a plain file of Chaos Toolkit says by an empty `rollbacks:` that what it changes stays.

        With a block of ours it is `stays:` that says so: there an empty list is what most files begin with.
        """
        extensions = self.document.get("extensions") or ()
        ours = any(isinstance(e, Mapping) and e.get("name") == "chaos-run" for e in extensions)
        return not ours and self.document.get("rollbacks") == []

    @property
    def has_controls(self) -> bool:
        """Whether hooks of the file or of the settings are to be called."""
        owners = (self.document, self.document.get("steady-state-hypothesis") or {}, *self._activities())
        return bool(self.settings.controls) or any(owner.get("controls") for owner in owners)

    def _activities(self) -> tuple[Mapping[str, Any], ...]:
        hypothesis = (self.document.get("steady-state-hypothesis") or {}).get("probes") or ()
        return (*hypothesis, *self.method, *self.rollbacks)

    @property
    def asks(self) -> bool:
        """Whether there is a hypothesis and it is asked."""
        return self.has_hypothesis and self.runtime.asks

    @property
    def is_check(self) -> bool:
        """Whether nothing is to be broken: the method is empty, and the hypothesis is asked."""
        return not self.method and self.asks

    @property
    def has_hypothesis(self) -> bool:
        return bool((self.document.get("steady-state-hypothesis") or {}).get("probes"))
