"""Live: the runs and GameDays that have begun and have no record yet, and whether their runner is still there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from runner import errors
from runner.rundir import paths


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run without a record: running, or left by a runner that died."""

    run: str
    folder: Path

    @property
    def over(self) -> bool:
        """Whether its record has been written."""
        return (self.folder / "record.json").exists()

    def parent_alive(self) -> bool:
        """Whether the runner that began it still lives (its id may have been used again: the time of birth counts too)."""
        import psutil

        try:
            process = psutil.Process(self._parent[0])
            same = abs(process.create_time() - self._parent[1]) < 1
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return False

    def begun_here(self) -> bool:
        """Whether it is this very process that began it."""
        try:
            return self._parent[0] == os.getpid() and self.parent_alive()
        except (OSError, ValueError, KeyError, TypeError):
            return False

    @property
    def _parent(self) -> tuple[int, float]:
        """Its process id and when it was born."""
        parent = json.loads((self.folder / "processes.json").read_text(encoding="utf-8"))["parent"]
        return int(parent["pid"]), float(parent["create_time"])

    def events(self) -> Iterator[dict[str, Any]]:
        """What it has told so far; a line that is still being written is left out."""
        try:
            lines = (self.folder / "events.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        except FileNotFoundError:
            return
        yield from (json.loads(line) for line in lines)


def live_runs(folder: Path) -> list[LiveRun]:
    """Every run without a record, by id."""
    found = (LiveRun(path.name, path) for path in sorted(folder.iterdir()) if path.is_dir())
    return [run for run in found if not run.over]


def everything() -> list[LiveRun]:
    """The GameDays that go on, and every run without a record, by id; `last` is a run where there is one.

    A GameDay whose process is gone has nothing to stop: the run of its last step is in the list by itself.
    """
    days = [day for day in live_runs(paths.gamedays_dir()) if day.parent_alive()]
    return [*days, *live_runs(paths.runs_dir())]


def left(folder: Path, name: str) -> bool:
    """Whether a run was one of this machine's, and its runner is done with it or dead."""
    run = LiveRun(name, folder / name)
    return run.folder.exists() and (run.over or not run.parent_alive())


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
