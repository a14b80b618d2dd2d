"""Options: what the person asked for, apart from the experiment itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from runner.timeline.asked import Asked
from runner.timeline.event import Event

if TYPE_CHECKING:
    from runner.timeline.conditions import Earlier
    from runner.timeline.status import Status


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Others are told this long before anything is broken."""

    before_s: float
    reached: Callable[[], tuple[str, ...] | None]
    """By name, whom the notice has reached; None while it is under way."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """One run's options."""

    path: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    """All of `--var` and `--var-file`."""
    secret_variables: Mapping[str, Any] = field(default_factory=dict)
    var_files: tuple[str, ...] = ()
    """The files among them, for a rerun: their secrets are nowhere else."""
    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    playground: bool = False
    no_cluster: bool = False
    """Whatever kubeconfig there is: the experiment is handed no cluster."""
    interactive: bool = True
    """A person starts this run and reads what it says; only then may the playground take the place of a missing target."""
    settings: str | None = None
    """A file of Chaos Toolkit's settings; the user's own by default."""
    store: str | None = None
    gameday: str | None = None
    seed: int | None = None
    """From which random choices are drawn; None: made up when the run begins."""
    pins: tuple[str, ...] = ()
    """Targets, by name, at which actions that choose are aimed."""
    repeats: Earlier | None = None
    """The run on record that this one repeats."""
    labels: Mapping[str, str] = field(default_factory=dict)
    report: Path | None = None
    """Where the HTML report goes; by default into the run's folder."""
    last: bool = False
    """Nothing comes after this run in the process: a signal that comes after its verdict must not change its exit code."""
    notice: Notice | None = None
    afterwards: tuple[str, ...] = ()
    """What a survivor calls with the run's folder when the runner has died and everything possible was undone: it puts the run on
    the record and tells others."""

    @property
    def asked(self) -> Asked:
        """What the record keeps of them."""
        from runner.rundir.start_message import CREDENTIALS

        hidden = [name for name in self.variables if name in CREDENTIALS]
        return Asked(
            variables={name: value for name, value in self.variables.items() if name not in CREDENTIALS},
            var_files=tuple(self.var_files),
            seed=self.seed,
            pins=self.pins,
            rerun_of=self.repeats.run if self.repeats else "",
            secret_variables=(*self.secret_variables, *hidden),
            kubeconfig=self.kubeconfig,
            context=self.context,
            namespace=self.namespace,
            playground=self.playground,
            no_cluster=self.no_cluster,
            settings=self.settings,
            cwd=str(Path.cwd()),
        )


class View(Protocol):
    """Whoever watches the run: a terminal, a stream of JSON lines, a GameDay."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *details: object) -> None: ...

    def event(self, event: Event) -> None:
        """Something happened."""
        ...

    def tick(self, status: Status) -> None:
        """How things stand, ten times a second."""
        ...

    def interrupted(self, count: int) -> None:
        """The person pressed Ctrl-C for the count-th time."""
        ...


class NullView:
    """Shows nothing: for plans."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        return

    def event(self, event: Event) -> None:
        """Not shown."""

    def tick(self, status: Status) -> None:
        """Not shown."""

    def interrupted(self, count: int) -> None:
        """Not shown."""
