"""`chaos-run show RUN`: one run of the record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from runner import errors, units

if TYPE_CHECKING:
    from runner.rundir.live import LiveRun
    from runner.timeline.record import RunRecord


@click.command(name="show")
@click.argument("run", default="last")
@click.option("--json", "as_json", is_flag=True, help="The whole record as JSON; with --events one event a line.")
@click.option("--events", "with_events", is_flag=True, help="The events of the run, one a line.")
@click.option("--store", help="The record: a path or a database URL.")
def command(run: str, as_json: bool, with_events: bool, store: str | None) -> int:
    """Show one run: its id, the beginning of it, or `last`. Of a run that is not over: how far it is."""
    from runner.rundir import live, paths
    from runner.store import Store

    unfinished = [one for one in live.live_runs(paths.runs_dir()) if one.run == run or one.run.startswith(run)]
    if len(unfinished) == 1:
        return _show_live(unfinished[0], as_json, with_events)
    with Store.open(store) as opened:
        record = opened.get(run)
        events = opened.events(record.run) if with_events else []
    if with_events:
        click.echo("\n".join(json.dumps(e) if as_json else _event(e) for e in events))
    elif as_json:
        click.echo(json.dumps(record.to_json(), indent=1))
    else:
        click.echo("\n".join(text(record)))
    return errors.ExitCode.PASS


def _show_live(run: LiveRun, as_json: bool, with_events: bool) -> int:
    """What its own folder tells so far."""
    wire = run.events()
    if with_events:
        click.echo("\n".join(json.dumps(e) if as_json else _event(e) for e in wire))
        return errors.ExitCode.PASS
    phase = next((str(e["phase"]) for e in reversed(wire) if e["event"] == "phase"), "prepare")
    alive = run.is_parent_alive()
    if as_json:
        known = {"run": run.run, "live": alive, "phase": phase, "folder": str(run.folder), "events": wire}
        click.echo(json.dumps(known, indent=1))
    else:
        click.echo("\n".join(_so_far(run, alive, phase, wire)))
    return errors.ExitCode.PASS


def _so_far(run: LiveRun, alive: bool, phase: str, wire: list[dict[str, Any]]) -> Iterator[str]:
    from runner.report import words
    from runner.report.narrator import Narrator
    from runner.timeline import event

    said = f"is running, phase: {words.phase_title(phase)}" if alive else "is not over, but its runner has died"
    yield f"{run.run} {said}"
    yield ""
    narrator = Narrator()
    told = (narrator.tell(event.from_json(line)) for line in wire)
    yield from (f"{t:8.1f}s  {sentence}" for t, _, sentence in filter(None, told))
    yield ""
    yield f"files       {run.folder}"
    yield "stop it     chaos-run stop" if alive else "undo it     chaos-run recover"


def text(record: RunRecord) -> Iterator[str]:
    """The run on one screen, in the order of a reader's questions."""
    from runner.cli.history import seconds
    from runner.report import table

    yield f"{table.coloured(record.verdict)}  {record.title}"
    yield record.sentence
    yield ""
    length = units.format_duration((record.ended - record.started).total_seconds())
    yield f"run         {record.run}  {record.started.astimezone():%Y-%m-%d %H:%M:%S}, {length}"
    if record.imported:
        yield f"imported    {record.imported}, from {record.environment.get('host') or 'another machine'}"
    yield f"experiment  {record.experiment}"
    if record.asked and record.asked.rerun_of:
        yield f"rerun of    {record.asked.rerun_of}"
    yield f"service     {record.service}{f' on {record.context}' if record.context else ''}"
    if record.asked and record.asked.seed is not None:
        yield f"seed        {record.asked.seed}"
    if record.labels:
        yield f"labels      {', '.join(f'{key}={value}' for key, value in record.labels.items())}"
    yield f"TTD         {seconds(record.ttd_s, censored=record.ttd_censored)}{_error(record.ttd_s, record.ttd_error_s)}"
    yield f"TTR         {seconds(record.ttr_s, censored=record.ttr_censored)}{_error(record.ttr_s, record.ttr_error_s)}"
    for title, lines in _sections(record):
        if lines:
            yield ""
            yield title
            yield from (f"  {line}" for line in lines)
    yield ""
    yield f"files       {record.folder}"
    yield from _trace(record)


def _trace(record: RunRecord) -> Iterator[str]:
    """Its name at the collector, where the trace arrived there."""
    from pathlib import Path

    from runner.notify import delivery_log
    from runner.telemetry import trace

    if any(line.get("channel") == "otlp" and line.get("delivered") for line in delivery_log.read(Path(record.folder))):
        yield f"trace       {trace.trace_id(record.run)}"


def _sections(record: RunRecord) -> Iterator[tuple[str, list[str]]]:
    from runner.report import answered, words
    from runner.report.table import coloured

    yield (
        "Objectives",
        [f"{coloured(o.verdict.ljust(12))}  {o.name}: {_bare(o.sentence, o.verdict)}" for o in record.objectives],
    )
    met = [(i.name, answered.sentence(i)) for i in record.indicators]
    yield "Traffic", [f"{name}: {said}" for name, said in met if said]
    yield (
        "Hypothesis",
        [
            f"{'met' if h.met else 'NOT MET':7}  {h.when}{f': {h.sentence}' if h.sentence else ''}"
            for h in record.hypothesis
        ],
    )
    yield (
        "Faults",
        [
            f"{f.name}: {f.proof}{f', {f.evidence}' if f.evidence else ''}  [{', '.join(f.targets)}]"
            for f in record.faults
        ],
    )
    yield (
        "Timeline",
        [
            f"{units.format_duration((m.mono_ns - record.started_mono_ns) / 1e9):>8}  {m.name}{f' ({m.source})' if m.source else ''}"
            for m in words.in_order(record.marks)
        ],
    )
    yield "Waits", [f"{'held' if w.met else 'NOT HELD':8}  {w.sentence}" for w in record.waits]
    yield "Put back", [words.undo_line(record)]
    yield "Undo", [f"{u.state:8}  {u.what}{f': {u.error}' if u.error else ''}" for u in record.undo]
    yield "Left behind", list(record.residue)
    yield "Proof", list(record.cleared)
    yield "Findings", [f"{coloured(f.severity.ljust(7))}  {f.message}" for f in record.findings]


def _bare(sentence: str, verdict: str) -> str:
    return sentence.removeprefix(f"{verdict}:").strip()


def _error(value: float | None, error_s: float) -> str:
    return f" ± {units.format_duration(error_s)}" if value is not None and error_s else ""


def _event(event: dict[str, Any]) -> str:
    own = {k: v for k, v in event.items() if k not in ("event", "at", "t", "run")}
    said = "  ".join(f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in own.items())
    return f"{event['t']:9.3f}  {event['event']:<12}  {said}".rstrip()
