"""Detached: a program of a fault on this machine that lives on without its runner, marked so that an undo ends exactly it.

A shell in a session of its own keeps it, and notes its exit code and removes its control groups and files even when all of us are dead.
The mark stands in the environment of both; what they start is found by descent and by control group, for programs hide their environment
(the workers of stress-ng 0.15 do).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from runner import clock, errors
from runner.faults import identity

MARK = "CHAOS_RUN_FAULT"
"""`<name of the fault>`, in the environment of the program and of its keeper."""
PART = "CHAOS_RUN_PART"
"""The mark of what a run's worker starts, which ends with the method, hard. A fault is ended by its own undo record instead."""
LOG, EXIT, NOTE, NOTES = "log", "exit", "note.json", ".notes"
KEEPER = """
(
  sh -c 'IFS=:; for group in $CHAOS_RUN_GROUPS; do echo $$ >"$group/cgroup.procs" || exit 126; done; exec "$@"' run "$@" >"$NOTES/log" 2>&1
  echo $? >"$NOTES/.exit"; mv "$NOTES/.exit" "$NOTES/exit"
  IFS=:; for group in $CHAOS_RUN_OWN_GROUPS; do rmdir "$group" || { sleep 1; rmdir "$group"; }; done
  [ -z "$CHAOS_RUN_FILES" ] || rm -rf "$CHAOS_RUN_FILES"
) </dev/null >/dev/null 2>&1 &
"""
ENDED_S = 5.0
"""How long a program may take to end by itself when it is asked to."""
KILLED_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program of one fault."""

    name: str
    """Of the fault, by `identity.name`: its mark."""
    notes: Path
    """A folder of its own for its output and exit code."""
    groups: tuple[Path, ...] = ()
    """Control groups that were made for it."""
    files: Path | None = None
    """The folder of its files, made for it."""

    @classmethod
    def named(cls, name: str, groups: Sequence[str | Path] = (), files: str | Path = "") -> Program:
        """The same for whoever asks, in any process of the same temporary folder."""
        notes = Path(tempfile.gettempdir(), f"{name}{NOTES}")
        return cls(name=name, notes=notes, groups=tuple(map(Path, groups)), files=Path(files) if files else None)

    def start(
        self,
        argv: Sequence[str],
        *,
        joins: Sequence[Path] = (),
        note: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it in its groups, and in those of others that it `joins`; with a note of what it is for, for who ends it without
        an undo record. Raises EnvironmentFailure where it cannot be.
        """
        shutil.rmtree(self.notes, ignore_errors=True)
        try:
            self.notes.mkdir(mode=0o700)
            (self.notes / NOTE).write_text(json.dumps(note or {}))
            started = subprocess.run(
                ["sh", "-c", KEEPER, "keeper", *argv],
                env=self._environment(joins, os.environ if environment is None else environment),
                start_new_session=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except OSError as problem:
            raise errors.EnvironmentFailure(f"{argv[0]} cannot be started: {problem}") from None
        if started.returncode:
            raise errors.EnvironmentFailure(f"{argv[0]} cannot be started: sh ended with {started.returncode}")

    def _environment(self, joins: Sequence[Path], around: Mapping[str, str]) -> Mapping[str, str]:
        ours = {k: v for k, v in around.items() if k != PART}
        if run := os.environ.get(identity.VARIABLE):
            ours[PART] = f"{run}:fault"
        own, all_of_them = (":".join(map(str, paths)) for paths in (self.groups, (*self.groups, *joins)))
        return {
            **ours,
            MARK: self.name,
            "NOTES": str(self.notes),
            "CHAOS_RUN_GROUPS": all_of_them,
            "CHAOS_RUN_OWN_GROUPS": own,
            "CHAOS_RUN_FILES": str(self.files or ""),
        }

    def alive(self) -> list[psutil.Process]:
        """Every living process of it: its keeper, itself, and all that it started."""
        found = {process.pid: process for process in marked(self.name)}
        for process in [*found.values()]:
            with contextlib.suppress(psutil.Error):
                found |= {child.pid: child for child in process.children(recursive=True)}
        for pid in _members(self.groups):
            with contextlib.suppress(psutil.Error):
                found.setdefault(pid, psutil.Process(pid))
        return [process for process in found.values() if _lives(process)]

    def working(self) -> list[psutil.Process]:
        """The same without its keeper."""
        return [process for process in self.alive() if not _keeps(process)]

    def end(self, within_s: float = ENDED_S) -> bool:
        """Ask it to end, and kill it when it does not within these seconds; whether there was anything to end.

        Raises EnvironmentFailure when something still lives.
        """
        if not (found := self.alive()):
            return False
        _signal([process for process in found if not _keeps(process)], signal.SIGTERM)
        if not clock.poll_until(lambda: not self.alive(), within_s, 0.05):
            until = time.monotonic() + KILLED_S
            while (left := self.alive()) and time.monotonic() < until:  # children that were born meanwhile too
                _signal(left, signal.SIGKILL)
                time.sleep(0.05)
            if left:
                raise errors.EnvironmentFailure(f"{_said(left)} cannot be ended: end it by hand")
        return True

    def exit_code(self) -> int | None:
        """How it ended; None while it runs, and where nobody could note it."""
        try:
            return int((self.notes / EXIT).read_text())
        except (OSError, ValueError):
            return None

    def last_words(self) -> str:
        """The end of its output, in one line."""
        try:
            lines = (self.notes / LOG).read_text(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return "; ".join(line.strip() for line in lines[-3:])[-300:]

    def noted(self) -> dict[str, Any]:
        """What it is for; nothing where nobody noted it."""
        try:
            found: dict[str, Any] = json.loads((self.notes / NOTE).read_text())
        except (OSError, ValueError):
            return {}
        return found

    def forget(self) -> bool:
        """Remove its notes; whether there were any."""
        there = self.notes.is_dir()
        shutil.rmtree(self.notes, ignore_errors=True)
        return there


def marked(name: str) -> list[psutil.Process]:
    """Processes that carry the mark of this fault."""
    return [process for process in psutil.process_iter() if _mark(process) == name]


def of_run(run: str) -> set[str]:
    """The names of the faults of a run that have a process, or notes."""
    noted = {path.stem for path in Path(tempfile.gettempdir()).glob(f"{identity.PREFIX}-*{NOTES}")}
    names = noted | {_mark(process) or "" for process in psutil.process_iter()}
    return {name for name in names if identity.is_of(run, name)}


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK) if _lives(process) else None
    except (psutil.Error, OSError):
        return None


def _lives(process: psutil.Process) -> bool:
    """A process that nobody has reaped yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _keeps(process: psutil.Process) -> bool:
    """Whether it is the shell that notes the exit code: it ends when its program has."""
    try:
        return KEEPER in process.cmdline()
    except psutil.Error:
        return False


def _members(groups: Collection[Path]) -> list[int]:
    found = list[int]()
    for group in groups:
        with contextlib.suppress(OSError):
            found += map(int, (group / "cgroup.procs").read_text().split())
    return found


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """psutil compares the time of birth first, so that nobody else is hit who got the id meanwhile."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _said(processes: Sequence[psutil.Process]) -> str:
    return ", ".join(f"process {process.pid} ({process.name()})" for process in processes)
