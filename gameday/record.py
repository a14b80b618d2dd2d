"""Record: everything that is kept of one GameDay, one JSON file, written anew after each step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import psutil

from runner import codec, errors, files, units
from runner.rundir import paths
from runner.timeline.mark import Said
from runner.timeline.record import RunRecord
from runner.timeline.vocabulary import MarkName

Outcome = Literal["met", "missed", "censored", "not measured", "no impact", "no target"]


class State(StrEnum):
    """How far a day has come, or how it ended."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """One step as it went. Times in seconds; offsets count from the start of the day."""

    name: str
    experiment: str
    planned_s: float
    started: datetime
    ended: datetime
    verdict: str
    exit_code: int
    sentence: str
    run: str = ""
    """The run's id in the record of all runs; empty when no run came about."""
    folder: str = ""
    targets: tuple[str, ...] = ()
    objectives: tuple[tuple[str, str, str], ...] = ()
    """Name, verdict, sentence."""
    marks: tuple[tuple[str, datetime], ...] = ()
    phases: tuple[tuple[str, float, float], ...] = ()
    """Name, beginning and end in seconds from the start of this step."""
    undo: tuple[tuple[str, str], ...] = ()
    """What, and its state."""
    residue: tuple[str, ...] = ()
    put_back: str = ""
    """A value of `PutBack`; empty where no run came about and in records of older versions."""
    way_back: str = ""
    """The way back in one sentence."""
    said: tuple[Said, ...] = ()
    """What people told its run."""
    aborted_by: str = ""
    """guard, person or runner; empty when it was not aborted."""
    ttd_s: float | None = None
    ttd_censored: bool = False
    ttr_s: float | None = None
    ttr_censored: bool = False
    ttr_spread_s: float = 0.0
    """How much earlier or later it may have been, where not all was measured."""
    detect_within: float | None = None
    recover_within: float | None = None

    @property
    def unaffected(self) -> bool:
        """Whether users were watched while something was injected, and their indicators never left the baseline."""
        marked = {name for name, _ in self.marks}
        watched = any(verdict in ("PASS", "FAIL") for _, verdict, _ in self.objectives)
        return watched and "injected" in marked and "effective" not in marked

    @property
    def detection(self) -> Outcome:
        return outcome(self.ttd_s, self.ttd_censored, self.detect_within, unaffected=self.unaffected)

    @property
    def recovery(self) -> Outcome:
        return outcome(
            self.ttr_s, self.ttr_censored, self.recover_within, unaffected=self.unaffected, spread_s=self.ttr_spread_s
        )


@dataclass(frozen=True, kw_only=True)
class GameDay:
    """One GameDay."""

    id: str
    title: str
    service: str
    scenario: str
    """The scenario's file."""
    started: datetime
    ended: datetime
    """So far, while it is running."""
    pid: int
    state: State = State.RUNNING
    fast: bool = False
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    planned: tuple[str, ...] = ()
    """The names of all steps of the scenario, also of those that were never reached."""
    steps: tuple[StepResult, ...] = ()
    said: tuple[Said, ...] = ()
    """What people told the day between its steps."""
    verdict: str = ""
    exit_code: int = 0
    sentence: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; times as RFC 3339."""
        plain: dict[str, Any] = codec.encode(self)
        return plain

    @property
    def unfinished(self) -> bool:
        """Whether its process went away in the middle of it."""
        return self.state is State.RUNNING and not psutil.pid_exists(self.pid)


def outcome(
    value_s: float | None, censored: bool, target_s: float | None, *, unaffected: bool = False, spread_s: float = 0.0
) -> Outcome:
    """A measured time against its target. A censored one is a lower bound: it can prove a miss, never a success.

    One that may have been `spread_s` seconds earlier or later proves neither where that could turn it. Where users were `unaffected` there
    was nothing to notice or to recover from: no time, and no miss.
    """
    if target_s is None:
        return "no target"
    if value_s is not None and value_s - spread_s > target_s:
        return "missed"
    if censored or (value_s is not None and value_s + spread_s > target_s):
        return "censored"
    if value_s is None:
        return "no impact" if unaffected else "not measured"
    return "met"


def of_run(run: RunRecord, step: str, planned_s: float, targets: tuple[float | None, float | None]) -> StepResult:
    """What a GameDay keeps of a run; `targets` are those for detection and recovery, in seconds."""
    return StepResult(
        name=step,
        experiment=run.experiment,
        planned_s=planned_s,
        started=run.started,
        ended=run.ended,
        verdict=run.verdict,
        exit_code=run.exit_code,
        sentence=run.sentence.removeprefix(f"{run.verdict}: "),
        run=run.run,
        folder=run.folder,
        targets=run.targets,
        objectives=tuple((o.name, o.verdict, o.sentence) for o in run.objectives),
        marks=tuple((m.name, m.at) for m in run.marks),
        phases=tuple((w.phase, _since(run, w.start_ns), _since(run, w.end_ns)) for w in run.windows),
        undo=tuple((u.what, u.state) for u in run.undo),
        residue=run.residue,
        put_back=run.back.put_back,
        way_back=run.back.sentence,
        said=run.said,
        aborted_by=aborted.source if (aborted := run.mark(MarkName.ABORTED)) else "",
        ttd_s=run.ttd_s,
        ttd_censored=run.ttd_censored,
        ttr_s=run.ttr_s,
        ttr_censored=run.ttr_censored,
        ttr_spread_s=run.ttr_spread_s,
        detect_within=targets[0],
        recover_within=targets[1],
    )


def _since(run: RunRecord, mono_ns: int) -> float:
    return round((mono_ns - run.started_mono_ns) / 1e9, 3)


def folder() -> Path:
    """Where GameDays are kept; made on first use."""
    return paths.gamedays_dir()


def save(day: GameDay) -> Path:
    """Write the day's file, whole or not at all."""
    path = folder() / f"{day.id}.json"
    files.write_atomically(path, day.to_json())
    return path


def read(name: str) -> GameDay:
    """A day by its id, an unambiguous beginning of it, or `last`. Raises UsageError."""
    ids = sorted(path.stem for path in folder().glob("*.json"))
    found = ids[-1:] if name == "last" else [i for i in ids if i.startswith(name)]
    if len(found) != 1:
        problem = f"{len(found)} GameDays begin with {name!r}" if found else f"there is no GameDay {name!r}"
        raise errors.UsageError(problem, hint=f"there are: {', '.join(ids[-5:])}" if ids else "none has been run yet")
    return _parse(folder() / f"{found[0]}.json")


def every() -> Iterator[GameDay]:
    """All days, the latest first."""
    for path in sorted(folder().glob("*.json"), reverse=True):
        yield _parse(path)


def new_id(at: datetime) -> str:
    """Sorts by time, and cannot be mistaken for a run's."""
    return f"{units.GAMEDAY}{units.new_run_id(at)}"


def _parse(path: Path) -> GameDay:
    try:
        return codec.decode(GameDay, json.loads(path.read_text("utf-8")))
    except ValueError as problem:
        raise errors.InvalidFile(f"{path} is not the record of a GameDay: {problem}") from None
