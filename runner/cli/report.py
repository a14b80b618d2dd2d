"""`chaos-run report RUN`: the report of one run, made anew from the record and the samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner import errors, files

if TYPE_CHECKING:
    from runner.timeline.record import RunRecord

FORMATS = {
    "html": (".html", ".htm"),
    "md": (".md", ".markdown"),
    "json": (".json",),
    "junit": (".xml",),
    "text": (".txt",),
    "svg": (".svg",),
}


@click.command(name="report")
@click.argument("run", default="last")
@click.option("--format", "kind", type=click.Choice(list(FORMATS)), help="html, or what the file's name says.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here; `-` is the standard output.")
@click.option("--open", "open_it", is_flag=True, help="Open the written file.")
@click.option("--store", help="The record: a path or a database URL.")
def command(run: str, kind: str | None, output: Path | None, open_it: bool, store: str | None) -> int:
    """Write the report of RUN: its id, the beginning of it, or `last`.

    HTML goes to the run's folder unless -o says otherwise, every other format to the standard output. SVG is the timeline alone.
    """
    from runner.store import Store

    chosen = kind or _by_name(output)
    if output and str(output) != "-":
        files.check_output(output, "the report")
    with Store.open(store) as opened:
        record = opened.get(run)
        events = opened.events(record.run)
    text = _render(chosen, record, events)
    path = output or (Path(record.folder, "report.html") if chosen == "html" else Path("-"))
    if str(path) == "-":
        click.echo(text, nl=False)
        return errors.ExitCode.PASS
    try:
        files.write_atomically(path.resolve(), text)
    except OSError as problem:
        raise errors.EnvironmentFailure(
            f"cannot write {path}: {problem.strerror}", hint="choose a file with -o"
        ) from problem
    click.echo(path)
    if open_it:
        click.launch(str(path))
    return errors.ExitCode.PASS


def _by_name(output: Path | None) -> str:
    """The format that a file's name asks for, HTML without one. Raises UsageError."""
    if output is None or str(output) == "-":
        return "html"
    for kind, suffixes in FORMATS.items():
        if output.suffix.lower() in suffixes:
            return kind
    known = ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
    raise errors.UsageError(f"no report can be {output}: known are {known}", hint="or say which with --format")


def _render(kind: str, record: RunRecord, events: list[dict[str, Any]]) -> str:
    from runner.report import html, junit, markdown, plotdata, text
    from runner.timeline import event

    if kind == "json":
        return json.dumps(record.to_json(), indent=1) + "\n"
    if kind == "junit":
        return junit.render([record])
    if kind == "text":
        return text.render(record)
    samples = plotdata.read(record)
    if kind == "svg":
        return html.picture(record, samples)
    if kind == "md":
        return markdown.render(record, samples)
    return html.render(record, [event.from_json(wire, record.started_mono_ns) for wire in events], samples)
