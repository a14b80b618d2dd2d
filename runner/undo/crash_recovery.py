"""What is done when the parent has died: end the method, undo, scan, let go of the locks, and close the record."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from runner import clock, codec, errors, files, units
from runner.chaostoolkit import secrets
from runner.chaostoolkit.journal import JOURNAL, Journal
from runner.faults import registry
from runner.faults.driver import Residue
from runner.process import orphans
from runner.process.isolated import Forked
from runner.rundir import events as event_file
from runner.rundir.events import EventWriter
from runner.rundir.ledger import Ledger
from runner.rundir.names import RECORD, RESERVE
from runner.rundir.start_message import StartMessage
from runner.slo import sample
from runner.timeline import mark, record, ttd_ttr
from runner.timeline.event import Name
from runner.timeline.mask import Mask
from runner.timeline.vocabulary import MarkName, Phase, UndoState
from runner.timeline.way_back import PutBack, WayBack
from runner.undo import assessment, player

DIED = "The runner died; another process runs the undo."


def finish(folder: Path, start: StartMessage, *, late: bool = False) -> bool:
    """Leave nothing behind and a whole record, then tell others. True when everything was put back.

    Safe to call from several survivors; `late` by who is none, but came after.
    """
    over = (folder / RECORD).exists() and not Ledger(folder).outstanding()
    if over and not orphans.owed(folder):
        registry.forget(folder)
        return True  # another survivor was faster
    afterwards = start.afterwards
    if afterwards and not over:
        orphans.owe(folder)
    clean = over or _put_back(folder, start)
    if not Ledger(folder).outstanding():
        registry.forget(folder)
    orphans.tell_others(afterwards, folder, clean=clean, late=late)
    return clean


def _put_back(folder: Path, start: StartMessage) -> bool:
    appender = EventAppender(folder, start)
    steps = len(Ledger(folder).outstanding())
    if not (folder / RECORD).exists():
        appender.tell("abort", by="runner", sentence=DIED)
    appender.tell("undo_started", steps=steps)
    clean = player.play(folder, start, lambda step: appender.tell("undo_step", **step.fields))
    look = _look(folder, start) if clean else Residue()
    way = assessment.way(start, _begun(folder, start), _undo_steps(folder), look, clean=clean)
    appender.tell(
        "undone",
        clean=way.clean,
        residue=list(look.residue),
        cleared=list(look.cleared),
        put_back=way.put_back,
        sentence=way.sentence,
    )
    _release(start)
    _close(folder, start, way, look)
    return way.put_back != PutBack.LEFT


def _begun(folder: Path, start: StartMessage) -> list[str]:
    """The actions that may have been begun: those that the runner heard of, and all of the method where it died before it
    heard the worker's end: what was begun after its last word, while it hung perhaps, nobody has told."""
    events = event_file.read(folder)
    heard = _heard(events)
    phase = next((str(e.get("phase")) for e in reversed(events) if e["event"] == Name.PHASE), "")
    if phase != Phase.INJECT or Journal.left(start.document, folder).over:
        return heard
    method = start.document.get("method") or ()
    return [str(a.get("name")) for a in method if a.get("type") == "action"]


def _heard(events: list[dict[str, Any]]) -> list[str]:
    return [str(e["activity"]) for e in events if e["event"] == Name.ACTIVITY and e.get("kind") == "action"]


class EventAppender:
    """Appends events to the run's file, as the parent would have."""

    def __init__(self, folder: Path, start: StartMessage) -> None:
        self._folder = folder
        self._start = start
        self._mask = secrets.mask(start.hide or ())

    def tell(self, event: str, **fields: Any) -> None:
        """One event line; `t` is measured on the wall clock, since another boot has another monotonic clock."""
        now = datetime.now(UTC)
        line = {"event": event, "at": clock.rfc3339(now), "t": round((now - self._start.started_at).total_seconds(), 3)}
        with contextlib.suppress(OSError):  # on a full disk undoing goes first
            writer = EventWriter(self._folder)
            writer.append(self._mask(line | {"run": self._start.run} | fields))
            writer.close()


def _look(folder: Path, start: StartMessage) -> Residue:
    """What is left in every system that was changed, as far as each can be asked."""
    found = Residue()
    for system, records in assessment.systems(start.snapshots, Ledger(folder).records()).items():
        ask = partial(_residue, start, system)
        answer = Forked(ask, assessment.look_s(system, records), secrets.known).wait()
        if "error" in answer:
            found += assessment.not_looked(system, records, str(answer["error"]))
        else:
            found += codec.decode(Residue, answer["value"])
    return found


def _residue(start: StartMessage, system: str) -> Any:
    from runner.undo.inspection import World

    return codec.encode(World(start).residue(system, start.snapshots.get(system, {}), start.kept))


def _release(start: StartMessage) -> None:
    from runner.undo import inspection

    for system, held in start.locks.items():
        Forked(partial(inspection.lock, start, "release", system, held), 10).wait()


def _close(folder: Path, start: StartMessage, way: WayBack, look: Residue) -> None:
    if (folder / RECORD).exists():
        return
    events = event_file.read(folder)
    left = way.put_back == PutBack.LEFT
    code = errors.ExitCode.UNDO_FAILED if left else errors.ExitCode.ENVIRONMENT
    ended = datetime.now(UTC)
    early = way.put_back == PutBack.NOTHING
    sentence = f"the runner died{' before any action was begun' if early else ''}; {way.sentence}"
    marks = _marks(events, start)
    watched_ns = _watched_ns(folder, events, start)
    times = _times(marks, watched_ns)
    final = record.RunRecord(
        run=start.run,
        title=start.title,
        experiment=start.experiment,
        experiment_hash=start.experiment_hash,
        service=start.service,
        context=start.context,
        started=start.started_at,
        ended=ended,
        started_mono_ns=start.started_mono_ns,
        verdict=code.name,
        exit_code=code,
        sentence=sentence,
        folder=str(folder),
        undo=_undo_steps(folder),
        residue=look.residue,
        way_back=way,
        cleared=look.cleared,
        marks=marks,
        ttd_s=times.ttd_s,
        ttd_censored=times.ttd_censored,
        ttr_s=times.ttr_s,
        ttr_censored=times.ttr_censored,
        ttd_error_s=times.ttd_error_s,
        ttr_error_s=times.ttr_error_s,
        indicators=start.indicators,
        findings=tuple(_findings(way, _heard(events), (watched_ns - start.started_mono_ns) / 1e9)),
        gameday=start.gameday,
        labels=start.labels,
        asked=start.asked,
        environment={"closed_by": f"survivor {os.getpid()}"},
    )
    mask = Mask(start.hide or ())
    (folder / RESERVE).unlink(missing_ok=True)
    if not (folder / JOURNAL).exists():
        Journal.left(mask.value(start.document), folder).write()
    files.write_atomically(folder / RECORD, codec.encode(codec.with_texts(final, mask.text)))


def _findings(way: WayBack, heard: Collection[str], watched_s: float) -> Iterator[mark.Finding]:
    until = f"what users felt and who noticed is not known from {units.format_duration(max(0.0, watched_s))} on"
    yield mark.Finding(severity="error", message=f"the runner died before it could judge this run: {until}")
    for name in way.no_undo:
        begun = "" if name in heard else "may have been begun, and "
        yield mark.Finding(severity="warning", message=f"the action {name!r} {begun}{assessment.NO_UNDO}")


def _undo_steps(folder: Path) -> tuple[record.UndoStep, ...]:
    """From the ledger: what was undone while nobody listened is in no event."""
    return tuple(
        record.UndoStep(
            step=n, what=o["what"], state=UndoState(o["state"]), seconds=o["seconds"] or 0.0, error=o["error"]
        )
        for n, o in enumerate(Ledger(folder).outcomes(), 1)
    )


def _of_runner(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What the runner itself wrote before it died."""
    return itertools.takewhile(lambda e: (e["event"], e.get("sentence")) != (Name.ABORT, DIED), events)


def _watched_ns(folder: Path, events: list[dict[str, Any]], start: StartMessage) -> int:
    """Until when anybody is known to have watched: the last that the runner wrote, or that its prober measured (monotonic)."""
    told = [start.started_mono_ns + int(e["t"] * 1e9) for e in _of_runner(events)]
    return max([start.started_mono_ns, *told, *_heartbeat_ns(folder, start)])


def _heartbeat_ns(folder: Path, start: StartMessage) -> list[int]:
    """When the prober last lived, by the tape that was left first; nothing where it left none."""
    found = []
    for indicator in start.indicators:
        with contextlib.suppress(OSError), (folder / indicator.tape).open("rb") as tape:
            head = tape.read(sample.HEADER.size)
            if len(head) == sample.HEADER.size and head.startswith(sample.MAGIC):
                found.append(sample.HEADER.unpack(head)[4])
    return [min(found)] if found else []


def _times(marks: Sequence[mark.Mark], watched_ns: int) -> ttd_ttr.IncidentTimes:
    """TTD and TTR as far as anybody watched: what happened after the runner's death nobody saw, however late it is closed."""
    seen = [m for m in marks if m.mono_ns <= watched_ns]
    return ttd_ttr.times(seen, aborted=any(m.name == MarkName.ABORTED for m in seen), ended_ns=watched_ns)


def _marks(events: list[dict[str, Any]], start: StartMessage) -> tuple[mark.Mark, ...]:
    """The first of each moment, on the monotonic clock of the run as far as `t` tells it."""
    names: dict[str, MarkName] = {
        Name.INJECTED: MarkName.INJECTED,
        Name.EFFECTIVE: MarkName.EFFECTIVE,
        Name.DETECTED: MarkName.DETECTED,
        Name.ABORT: MarkName.ABORTED,
        Name.UNDO_STARTED: MarkName.UNDO_STARTED,
        Name.UNDONE: MarkName.UNDONE,
        Name.RECOVERED: MarkName.RECOVERED,
    }
    first: dict[MarkName, dict[str, Any]] = {}
    for event in events:
        felt = event["event"] != Name.EFFECTIVE or "indicator" in event  # a proven fault is not yet a hurt user
        if event["event"] in names and felt:
            first.setdefault(names[event["event"]], event)
    return tuple(
        mark.Mark(
            name=name,
            at=datetime.fromisoformat(event["at"].replace("Z", "+00:00")),
            mono_ns=start.started_mono_ns + int(event["t"] * 1e9),
            error_s=float(event.get("error_s") or 0.001),
            source=ttd_ttr.NEVER_MISSED if event.get("missed") is False else "events",
            unmeasured_s=float(event.get("unmeasured_s") or 0.0),
        )
        for name, event in first.items()
    )
