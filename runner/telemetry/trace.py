"""Trace: a run's timeline as spans, drawn when it is over; its ids follow from the run's id, so that anybody can name them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from runner.telemetry.finished import Finished
from runner.timeline.record import RunRecord

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROOT = "run"
Attributes = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanEvent:
    """A span event; nanoseconds of Unix time."""

    name: str
    at_ns: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One span; `key` names it within its run and `parent` is such a key. `ok` is None where it is neither well nor an error."""

    key: str
    parent: str | None
    name: str
    start_ns: int
    end_ns: int
    attributes: Attributes = field(default_factory=dict)
    moments: tuple[SpanEvent, ...] = ()
    ok: bool | None = None
    said: str = ""
    """Why it is an error."""


def trace_id(run: str) -> str:
    """The run's trace, 32 hexadecimal digits."""
    return hashlib.sha256(f"chaos-run {run}".encode()).hexdigest()[:32]


def span_id(run: str, key: str) -> str:
    """A span of it, 16 hexadecimal digits."""
    return hashlib.sha256(f"chaos-run {run} {key}".encode()).hexdigest()[:16]


def spans(run: Finished) -> list[Span]:
    """The run, its phases, and within them what was done to the world and taken back; the root comes first."""
    phases = list(_phases(run))
    steps = [*_activities(run, phases), *_waits(run, phases), *_undo_steps(run, phases)]
    return [_root(run.record), *phases, *steps]


def _root(record: RunRecord) -> Span:
    told = {
        "chaos_run.run": record.run,
        "chaos_run.title": record.title,
        "chaos_run.experiment": record.experiment,
        "chaos_run.service": record.service,
        "chaos_run.context": record.context,
        "chaos_run.environment": record.environment.get("environment"),
        "chaos_run.gameday": record.gameday,
        "chaos_run.verdict": record.verdict,
        "chaos_run.targets": list(record.targets) or None,
        "chaos_run.time_to_detect": record.ttd_s,
        "chaos_run.time_to_detect.censored": record.ttd_censored if record.ttd_s is not None else None,
        "chaos_run.time_to_recover": record.ttr_s,
        "chaos_run.time_to_recover.censored": record.ttr_censored if record.ttr_s is not None else None,
        "process.exit.code": record.exit_code,
        **{f"chaos_run.label.{key}": value for key, value in record.labels.items()},
    }
    ok = {"PASS": True, "INCONCLUSIVE": None, "INTERRUPTED": None}.get(record.verdict, False)
    if ok is False:
        told["error.type"] = record.verdict
    return Span(
        key=ROOT,
        parent=None,
        name=ROOT,
        start_ns=_unix_ns(record.started),
        end_ns=_unix_ns(record.ended),
        attributes=_without_empty(told),
        moments=tuple(sorted(_moments(record), key=lambda m: m.at_ns)),
        ok=ok,
        said=record.sentence,
    )


def _moments(record: RunRecord) -> Iterator[SpanEvent]:
    for mark in record.marks:
        told = {"chaos_run.source": mark.source, "chaos_run.error": mark.error_s, "chaos_run.evidence": mark.evidence}
        yield SpanEvent(name=mark.name, at_ns=_unix_ns(mark.at), attributes=_without_empty(told))


def _phases(run: Finished) -> Iterator[Span]:
    """The record's own windows; a record that a survivor closed has none, and its events must do."""
    record = run.record
    if not record.windows:
        yield from _phase_spans(run)
        return
    for window in record.windows:
        yield _phase(window.phase, _at_ns(record, window.start_ns), _at_ns(record, window.end_ns))
    yield _phase("judge", _at_ns(record, record.windows[-1].end_ns), _unix_ns(record.ended))


def _phase_spans(run: Finished) -> Iterator[Span]:
    bounds = [
        (_wire_ns(e), _phase_of(e)) for e in run.events if e["event"] in ("phase", "abort", "undo_started", "undone")
    ]
    ends = [at for at, _ in bounds[1:]] + [_unix_ns(run.record.ended)]
    for (start, phase), end in zip(bounds, ends, strict=True):
        if phase:
            yield _phase(phase, start, end)


def _phase_of(event: Mapping[str, Any]) -> str:
    """Which phase begins with it; none begins with an abort or with what is undone."""
    return {"phase": str(event.get("phase")), "undo_started": "undo"}.get(event["event"], "")


def _phase(name: str, start_ns: int, end_ns: int) -> Span:
    told = {"chaos_run.phase": name}
    return Span(
        key=f"phase {name} {start_ns}", parent=ROOT, name=name, start_ns=start_ns, end_ns=end_ns, attributes=told
    )


def _activities(run: Finished, phases: Sequence[Span]) -> Iterator[Span]:
    targets = {f.name: f.targets for f in run.record.faults}
    for begun, ended in _pairs(run, "activity", "activity"):
        name, kind = str(begun["activity"]), str(begun.get("kind"))
        hit = targets.get(name) if kind == "action" else None
        told = {"chaos_run.activity.kind": kind, "chaos_run.targets": list(hit) if hit else None}
        yield _step(run, phases, f"activity {name}", name, begun, ended, told)


def _waits(run: Finished, phases: Sequence[Span]) -> Iterator[Span]:
    for begun, ended in _pairs(run, "wait", "after"):
        told = {"chaos_run.wait.state": (ended or {}).get("state")}
        yield _step(run, phases, f"wait {begun['after']}", f"wait for {begun['probe']}", begun, ended, told)


def _undo_steps(run: Finished, phases: Sequence[Span]) -> Iterator[Span]:
    for begun, ended in _pairs(run, "undo_step", "step"):
        told = {"chaos_run.undo.step": begun["step"], "chaos_run.undo.state": (ended or {}).get("state")}
        yield _step(run, phases, f"undo {begun['step']}", f"undo: {begun['what']}", begun, ended, told)


def _pairs(run: Finished, event: str, by: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
    """What was started and how it ended, in order of ends; None for what nobody saw the end of."""
    open_: dict[Any, Mapping[str, Any]] = {}
    for told in run.events:
        if told["event"] != event:
            continue
        if told.get("state") == "started":
            open_[told[by]] = told
        elif begun := open_.pop(told[by], None):
            yield begun, told
    yield from ((begun, None) for begun in open_.values())


def _step(
    run: Finished,
    phases: Sequence[Span],
    key: str,
    name: str,
    begun: Mapping[str, Any],
    ended: Mapping[str, Any] | None,
    told: Attributes,
) -> Span:
    start = _wire_ns(begun)
    around = next((p for p in reversed(phases) if p.start_ns <= start + MILLISECOND), None)
    end = _wire_ns(ended) if ended else around.end_ns if around else _unix_ns(run.record.ended)
    failed = ended is not None and ended.get("state") == "failed"
    return Span(
        key=f"{key} {start}",
        parent=around.key if around else ROOT,
        name=name,
        start_ns=start,
        end_ns=max(start, end),
        attributes=_without_empty(told | ({"error.type": "failed"} if failed else {})),
        ok=False if failed else None,
        said=str((ended or {}).get("error") or ""),
    )


MILLISECOND = 1_000_000
"""The grain of events on record; phases and marks are finer."""


def _at_ns(record: RunRecord, mono_ns: int) -> int:
    return _unix_ns(record.started) + mono_ns - record.started_mono_ns


def _wire_ns(event: Mapping[str, Any]) -> int:
    return _unix_ns(datetime.fromisoformat(event["at"]))


def _unix_ns(moment: datetime) -> int:
    """Exact: a float of seconds has no room for microseconds."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def _without_empty(told: Attributes) -> Attributes:
    return {name: value for name, value in told.items() if value not in (None, "")}
