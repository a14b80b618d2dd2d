"""Session: the identity of one run, its folder, and the one mouth through which everything is told."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from runner import clock, errors, files, units
from runner.engine.options import View
from runner.rundir import processes
from runner.rundir.events import EventWriter
from runner.rundir.ledger import Ledger
from runner.rundir.names import RECORD, RESERVE
from runner.timeline.event import Event, Name
from runner.timeline.mark import Finding, Mark, Said, Window
from runner.timeline.mask import Mask
from runner.timeline.vocabulary import MarkName, Phase, StopReason

RESERVE_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Why the run ends early."""

    by: StopReason
    sentence: str
    mono_ns: int


def unwritable(problem: OSError, runs: Path) -> errors.EnvironmentFailure:
    """What a person needs to know when a run cannot be kept; only for one that has injected nothing."""
    return errors.EnvironmentFailure(
        f"{problem.filename or runs}: {os.strerror(problem.errno or 0)}; nothing was injected",
        hint=f"runs are kept in {runs}: free some space there, or set XDG_STATE_HOME to another folder",
    )


class Session:
    """Mutable, alive for one run; every fact goes through `tell` to the events file and to whoever watches."""

    def __init__(self, runs: Path, view: View, time: clock.Clock) -> None:
        self.clock = time
        self.view = view
        self.started = time.now()
        self.started_ns = time.monotonic()
        self.run = units.new_run_id(self.started)
        self.folder = runs / self.run
        self.marks: list[Mark] = []
        self.windows: list[Window] = []
        self.findings: list[Finding] = []
        self.said: list[Said] = []
        self.events: list[Event] = []
        self.phase = Phase.PREPARE
        self._phase_ns = self.started_ns
        self.phase_planned_s: float | None = None
        self.stop: asyncio.Future[Stop] = asyncio.get_running_loop().create_future()
        self.mask = Mask(())
        """Over the experiment's secrets, once they are known: nothing that is told or kept holds one."""
        self.injecting = False
        """From the order to inject on: what is stopped after it is an abort, before it an interruption."""
        self.hurried = ""
        """A person's end of the wait for recovery or for alerts, when everything was put back: nobody must endure it."""
        self.recovery_over = False
        """The wait for the recovery is over, whatever came of it: what a person ends now is only the wait for alerts."""
        try:
            self._make()
        except OSError as problem:
            self.forget()
            raise unwritable(problem, runs) from problem

    def _make(self) -> None:
        """The run's folder, with room in it for what has to be written when the disk is full."""
        self.folder.mkdir(parents=True, mode=0o700)
        self._writer = EventWriter(self.folder)
        (self.folder / RESERVE).write_bytes(bytes(RESERVE_BYTES))
        self.note_processes()

    @property
    def untouched(self) -> bool:
        """Whether nothing was injected, and nothing waits to be undone."""
        return not self.injecting and not Ledger(self.folder).outstanding()

    @property
    def last_words(self) -> Mapping[str, Any] | None:
        """For those who ask a shared record what became of the run: harmless, or nothing but its verdict can tell."""
        return {"sentence": "stopped before anything was injected"} if self.untouched else None

    def note_processes(self, **others: Any) -> None:
        """Who belongs to the run, for whoever comes after a crash."""
        processes.write(self.folder, **others)

    def tell(self, name: Name, *, mono_ns: int | None = None, **fields: Any) -> Event:
        """Send one event; `mono_ns` dates it back to when another process saw it."""
        now = self.clock.monotonic()
        moment = now if mono_ns is None else mono_ns
        event = Event(
            event=name,
            at=self.wall(moment),
            mono_ns=moment,
            t=(moment - self.started_ns) / 1e9,
            run=self.run,
            fields=self.mask.value(fields),
        )
        self.events.append(event)
        self._writer.append(event.to_json())
        self.view.event(event)
        return event

    def wall(self, mono_ns: int) -> datetime:
        """The wall clock at a monotonic moment, reckoned from the start of the run."""
        return self.started + timedelta(microseconds=(mono_ns - self.started_ns) / 1000)

    def mark(
        self,
        name: MarkName,
        *,
        mono_ns: int | None = None,
        error_s: float = 0.001,
        source: str = "",
        evidence: str = "",
        unmeasured_s: float = 0.0,
    ) -> Mark:
        """Keep a named moment."""
        moment = self.clock.monotonic() if mono_ns is None else mono_ns
        mark = Mark(
            name=name,
            at=self.wall(moment),
            mono_ns=moment,
            error_s=error_s,
            source=source,
            evidence=evidence,
            unmeasured_s=unmeasured_s,
        )
        self.marks.append(mark)
        return mark

    def marked(self, name: MarkName) -> Mark | None:
        """The first mark of that name."""
        return next((m for m in self.marks if m.name == name), None)

    def unmark(self, name: MarkName) -> None:
        """Take a moment back that turned out not to be one."""
        self.marks = [m for m in self.marks if m.name != name]

    def seconds(self, mono_ns: int) -> float:
        """A moment in seconds of the run, to the millisecond."""
        return round((mono_ns - self.started_ns) / 1e9, 3)

    def enter(self, phase: Phase, planned_s: float | None = None) -> None:
        """Begin a phase: the one before ends here."""
        now = self.clock.monotonic()
        if self.phase != Phase.PREPARE and phase != self.phase:
            self.windows.append(Window(phase=self.phase, start_ns=self._phase_ns, end_ns=now))
        self.phase, self._phase_ns, self.phase_planned_s = phase, now, planned_s
        self.tell(Name.PHASE, phase=phase, planned_s=planned_s)

    @property
    def phase_elapsed_s(self) -> float:
        return (self.clock.monotonic() - self._phase_ns) / 1e9

    @property
    def phase_since_ns(self) -> int:
        return self._phase_ns

    def find(self, severity: str, message: str) -> None:
        """Something a reader should know; told once."""
        finding = Finding(severity=severity, message=message)
        if finding not in self.findings:
            self.findings.append(finding)
            self.tell(Name.FINDING, severity=severity, message=message)

    def hear(self, kind: str, by: str, text: str, mono_ns: int) -> None:
        """Keep what a person told the run."""
        self.said.append(Said(at=self.wall(mono_ns), kind=kind, by=by, text=text))

    def end_early(self, by: StopReason, sentence: str) -> None:
        """Ask for the stop; only the first reason counts. A person who comes when all was seen stops nothing any more."""
        if by == StopReason.PERSON and self.recovery_over:
            self.hurried = self.hurried or sentence
        elif not self.stop.done():
            self.stop.set_result(Stop(by=by, sentence=sentence, mono_ns=self.clock.monotonic()))

    def leave(self) -> None:
        """The end, with or without a record: nothing more is told."""
        self._writer.close()
        self.make_room()

    def make_room(self) -> None:
        """Give back what was kept for the record, should the disk be full by now."""
        with contextlib.suppress(OSError):
            (self.folder / RESERVE).unlink()

    def forget(self) -> None:
        """Nothing happened that anybody need remember."""
        import shutil

        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self, record: Mapping[str, Any]) -> None:
        """The run's own folder gets its record: from here on it is not live any more. Raises OSError."""
        files.write_atomically(self.folder / RECORD, dict(record))
