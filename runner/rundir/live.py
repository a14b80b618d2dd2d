"""The runs and GameDays of this machine that have begun and have no record yet, and whether their runner still lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from runner import errors
from runner.rundir import events, paths, processes
from runner.rundir.names import RECORD


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run without a record: running, or left by a runner that died."""

    run: str
    folder: Path

    @property
    def over(self) -> bool:
        """Whether its record has been written."""
        return (self.folder / RECORD).exists()

    def is_parent_alive(self) -> bool:
        """Whether the runner that began it still lives."""
        return processes.is_parent_alive(self.folder)

    def is_parent_dead(self) -> bool:
        """Whether that runner has ended without a word; not where it is about to remove the run, as one that changed nothing."""
        return processes.is_parent_dead(self.folder)

    def is_from_this_process(self) -> bool:
        """Whether it is this very process that began it."""
        return processes.is_parent_this_process(self.folder)

    def events(self) -> list[dict[str, Any]]:
        """What it has told so far; a line that is still being written is left out."""
        return events.read(self.folder)


def live_runs(folder: Path) -> list[LiveRun]:
    """Every run without a record, by id."""
    found = (LiveRun(path.name, path) for path in sorted(folder.iterdir()) if path.is_dir())
    return [run for run in found if not run.over]


def all_live() -> list[LiveRun]:
    """The GameDays that go on, and every run without a record, by id; `last` is a run where there is one.

    A GameDay whose process is gone has nothing to stop: the run of its last step is in the list by itself.
    """
    days = [day for day in live_runs(paths.gamedays_dir()) if day.is_parent_alive()]
    return [*days, *live_runs(paths.runs_dir())]


def is_left(folder: Path, name: str) -> bool:
    """Whether a run was one of this machine's, and its runner is done with it or dead."""
    run = LiveRun(name, folder / name)
    return run.folder.exists() and (run.over or not run.is_parent_alive())


class Named(Protocol):
    """Anything live that has a run's id."""

    @property
    def run(self) -> str: ...


N = TypeVar("N", bound=Named)


def pick(live: Sequence[N], name: str | None) -> list[N]:
    """Those of them that a person means: by id, by its beginning, `last`, or all when nothing is named. Raises UsageError."""
    if not live:
        raise errors.UsageError("no run is live", hint="chaos-run history lists the runs that are over")
    if name is None:
        return [*live]
    found = (
        [*live[-1:]]
        if name == "last"
        else [r for r in live if r.run == name] or [r for r in live if r.run.startswith(name)]
    )
    if len(found) == 1:
        return found
    if not found:
        raise errors.UsageError(f"no live run is called {name}", hint=f"live: {', '.join(r.run for r in live)}")
    raise errors.UsageError(f"{name} is the beginning of several live runs: {', '.join(r.run for r in found)}")
