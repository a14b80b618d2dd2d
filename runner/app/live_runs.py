"""The live runs and GameDays that a person means, on this machine or on a shared record: how to send them a message, and how to wait
for the end of one that was told to stop."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import clock, errors, units
from runner.rundir.names import RECORD
from runner.units import is_gameday

if TYPE_CHECKING:
    from runner.rundir.live import LiveRun
    from runner.store import Store
    from runner.store.presence import SharedRun

ANSWER_S = 5.0
"""How long a run on another machine may take to take a message; it looks twice a second."""
POLL_S = 0.1
_POLL_LOCAL_S = 0.05
_POLL_REMOTE_S = 0.5
DONE = {"ack": "detected", "mitigated": "mitigated", "note": "noted"}
"""What a person says by a message of this kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a run that was told to stop ended; code ENVIRONMENT where that is not known, and `sentence` says why."""

    code: errors.ExitCode
    sentence: str
    residue: tuple[str, ...] = ()


def message(kind: str, *, by: str = "", **fields: Any) -> dict[str, Any]:
    """A message to a run, with who sends it and the moment on both clocks."""
    now = clock.SystemClock()
    return {
        "kind": kind,
        "at": clock.rfc3339(now.now()),
        "mono_ns": now.monotonic(),
        "by": by or units.user(),
        **fields,
    }


def send_to_one(sent: Mapping[str, Any], name: str | None, url: str | None) -> str:
    """Send a message to the one run that is meant; what was done, in a sentence. Raises UsageError or EnvironmentFailure."""
    with choose(name, url) as live:
        # While a step of a GameDay runs, it is its run that people look at; between the steps the day itself listens.
        runs = live if name else [one for one in live if not one.is_gameday] or live
        if len(runs) > 1:
            raise errors.UsageError(
                f"{len(runs)} runs are live: say which one", hint=f"live: {', '.join(one.run for one in runs)}"
            )
        runs[0].send(sent)
        return f"{runs[0].run}{runs[0].where}: {DONE[sent['kind']]} by {sent['by']} at {sent['at']}"


@dataclass(frozen=True, slots=True)
class LocalRun:
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

    def send(self, sent: Mapping[str, Any]) -> None:
        """Put it into the run's inbox. Raises EnvironmentFailure when its runner is dead."""
        from runner.rundir import inbox

        if not self.live.is_parent_alive():
            raise errors.EnvironmentFailure(
                f"the runner of {self.run} has died and cannot be reached; its undoer process undoes everything within seconds",
                hint="to make sure: chaos-run recover",
            )
        inbox.post(self.live.folder, sent)

    def wait_for_end(self, until: float) -> Ending:
        """Wait for its record, until that moment of the monotonic clock. A stopped run that has undone everything is what was
        asked for: PASS."""
        run = self.live
        ended = clock.poll_until(
            lambda: run.over or not run.folder.exists() or run.is_parent_dead(),
            until - time.monotonic(),
            _POLL_LOCAL_S,
        )
        if run.over:
            return _ending(json.loads((run.folder / RECORD).read_text(encoding="utf-8")))
        if not ended:
            return _unknown(f"not over yet; the undo is still running. Watch it in {run.folder}")
        if not run.folder.exists():
            return _ending({})
        return _unknown("its runner died while stopping; run: chaos-run recover")


@dataclass(frozen=True, slots=True)
class RemoteRun:
    """A run of another machine, reached through the record."""

    live: SharedRun
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

    def send(self, sent: Mapping[str, Any]) -> None:
        """Leave it on the record, and wait until the run has taken it from there. Raises EnvironmentFailure when it does not."""
        import platform

        ago_s = (time.monotonic_ns() - sent["mono_ns"]) / 1e9
        message = {k: v for k, v in sent.items() if k != "mono_ns"} | {"by": f"{sent['by']} on {platform.node()}"}
        number = self.store.presence.tell(self.run, message, ago_s)
        if not clock.poll_until(lambda: self.store.presence.heard(number), ANSWER_S, POLL_S):
            raise self._not_taken()

    def wait_for_end(self, until: float) -> Ending:
        """Wait until the record has it, or it is gone from there without one."""
        store, run = self.store, self.run
        now = clock.poll_until(
            lambda: None if store.knows(run) else self._now(),
            until - time.monotonic(),
            _POLL_REMOTE_S,
            enough=lambda live: live is None,
        )
        if now is not None:
            return _unknown(f"not over yet; the undo is still running{self.where}, {now.heard}")
        if store.knows(run):
            return _ending(store.get(run).to_json())
        # It left no verdict: harmless only where it said so itself, for it may be that its verdict could not be saved.
        if (words := store.presence.last_words(run)) is not None:
            return _ending(words)
        return _unknown(
            f"gone from the record without a verdict; run{self.where}: chaos-run show {run}, chaos-run recover"
        )

    def _now(self) -> SharedRun | None:
        """What the record knows of it while it is live."""
        return next((one for one in self.store.presence.live() if one.run == self.run), None)

    def _not_taken(self) -> errors.EnvironmentFailure:
        now = self._now() or self.live
        return errors.EnvironmentFailure(
            f"run {self.live} has not answered within {ANSWER_S:.0f} s; it was {now.heard}",
            hint=f"the run gets the message as soon as it reaches the record again. If its runner has died, its undoer has undone "
            f"everything; to make sure, run on {self.live.host}: chaos-run recover",
        )


@contextmanager
def choose(name: str | None, url: str | None) -> Iterator[list[LocalRun | RemoteRun]]:
    """The live runs that are meant: those of this machine, and where it has none of that name, those on a shared record.

    Raises UsageError. A record that does not answer is in the way of nothing that is here.
    """
    from runner.rundir import live, paths

    here = live.all_live()
    shared = paths.shared(url)
    if shared is None or any(_is_meant(one.run, name) for one in here):
        yield [LocalRun(one) for one in live.pick(here, name)]
        return
    from runner.store import Store

    with Store.open(shared) as store:
        ours = (paths.runs_dir(), paths.gamedays_dir())
        there = [one for one in store.presence.live() if _is_reachable(one, name, ours)]
        yield [RemoteRun(one, store) for one in live.pick(there, name)]


def _is_meant(run: str, name: str | None) -> bool:
    return name in (None, "last") or run.startswith(str(name))


def _is_reachable(one: SharedRun, name: str | None, ours: Sequence[Path]) -> bool:
    """A run that went silent without an end is there for those who name it, so that they hear what became of it."""
    return not any((folder / one.run).exists() for folder in ours) and (
        not one.lost or (name is not None and one.run.startswith(name))
    )


def _ending(record: Mapping[str, Any]) -> Ending:
    """By the record of a run, or what it left behind where it never injected anything."""
    failed = record.get("exit_code") == errors.ExitCode.UNDO_FAILED
    return Ending(
        code=errors.ExitCode.UNDO_FAILED if failed else errors.ExitCode.PASS,
        sentence=record.get("sentence") or "stopped before anything was injected",
        residue=tuple(record.get("residue", ())),
    )


def _unknown(sentence: str) -> Ending:
    return Ending(code=errors.ExitCode.ENVIRONMENT, sentence=sentence)
