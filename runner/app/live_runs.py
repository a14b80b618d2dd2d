"""Reach: the live runs and GameDays that a person means, on this machine or on a shared record, and how to tell them something."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import clock, errors
from runner.units import is_gameday

if TYPE_CHECKING:
    from runner.rundir.live import LiveRun
    from runner.store import Store
    from runner.store.presence import LiveRun as RemoteRun

ANSWER_S = 5.0
"""How long a run on another machine may take to say that it has heard; it looks twice a second."""
POLL_S = 0.1


def message(kind: str, **fields: Any) -> dict[str, Any]:
    """A message to a run, with the moment on both clocks."""
    now = clock.SystemClock()
    return {"kind": kind, "at": clock.rfc3339(now.now()), "mono_ns": now.monotonic(), **fields}


@dataclass(frozen=True, slots=True)
class Here:
    """A run of this machine."""

    live: LiveRun

    @property
    def run(self) -> str:
        return self.live.run

    @property
    def is_gameday(self) -> bool:
        return is_gameday(self.run)

    @property
    def where(self) -> str:
        return ""

    def tell(self, said: Mapping[str, Any]) -> None:
        """Put it into the run's inbox. Raises EnvironmentFailure when its runner is dead."""
        from runner.rundir import inbox

        if not self.live.is_parent_alive():
            raise errors.EnvironmentFailure(
                f"the runner of {self.run} has died and cannot be reached; its undoer process undoes everything within seconds",
                hint="to make sure: chaos-run recover",
            )
        inbox.post(self.live.folder, said)


@dataclass(frozen=True, slots=True)
class There:
    """A run of another machine, reached through the record."""

    live: RemoteRun
    store: Store

    @property
    def run(self) -> str:
        return self.live.run

    @property
    def is_gameday(self) -> bool:
        return is_gameday(self.run)

    @property
    def where(self) -> str:
        return f" on {self.live.host}"

    def tell(self, said: Mapping[str, Any]) -> None:
        """Leave it on the record, and wait until the run has taken it from there. Raises EnvironmentFailure when it does not."""
        import platform

        ago_s = (time.monotonic_ns() - said["mono_ns"]) / 1e9
        message = {k: v for k, v in said.items() if k != "mono_ns"} | {"by": f"{said['by']} on {platform.node()}"}
        number = self.store.presence.tell(self.run, message, ago_s)
        if not clock.poll_until(lambda: self.store.presence.heard(number), ANSWER_S, POLL_S):
            raise self._unheard()

    def _unheard(self) -> errors.EnvironmentFailure:
        now = next((one for one in self.store.presence.live() if one.run == self.run), self.live)
        return errors.EnvironmentFailure(
            f"run {self.live} has not answered within {ANSWER_S:.0f} s; it was {now.heard}",
            hint=f"the run gets the message as soon as it reaches the record again. If its runner has died, its undoer has undone "
            f"everything; to make sure, run on {self.live.host}: chaos-run recover",
        )


@contextmanager
def chosen(name: str | None, url: str | None) -> Iterator[list[Here | There]]:
    """The live runs that are meant: those of this machine, and where it has none of that name, those on a shared record.

    Raises UsageError. A record that does not answer is in the way of nothing that is here.
    """
    from runner.rundir import live, paths

    here = live.all_live()
    shared = paths.shared(url)
    if shared is None or any(_meant(one.run, name) for one in here):
        yield [Here(one) for one in live.pick(here, name)]
        return
    from runner.store import Store

    with Store.open(shared) as store:
        ours = (paths.runs_dir(), paths.gamedays_dir())
        there = [one for one in store.presence.live() if _reachable(one, name, ours)]
        yield [There(one, store) for one in live.pick(there, name)]


def _meant(run: str, name: str | None) -> bool:
    return name in (None, "last") or run.startswith(str(name))


def _reachable(one: RemoteRun, name: str | None, ours: Sequence[Path]) -> bool:
    """A run that went silent without an end is there for those who name it, so that they hear what became of it."""
    return not any((folder / one.run).exists() for folder in ours) and (
        not one.lost or (name is not None and one.run.startswith(name))
    )
