"""`chaos-run metrics`: MTTD and MTTR over the runs on record, and what the experiments achieve."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner import errors, files, units
from runner.cli import options

MOST_SHOWN = 200
"""Values of one experiment that are written out as text: the record has as many at hand."""

if TYPE_CHECKING:
    from runner.app.durations import DurationGroup, Waits
    from runner.report.dots import Dot
    from runner.store import Measured as Run
    from runner.timeline.mttd_mttr import Estimate


@click.command(name="metrics")
@click.option("--experiment", help="Only this experiment: its file's name, path or title.")
@click.option("--service", help="Only runs on this service.")
@options.WITH_LABEL
@click.option("--goals", envvar="CHAOS_RUN_GOALS", help="The team's goals: a YAML or JSON file.")
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw every value: an SVG file.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON, seconds as numbers.")
@click.option("--store", help="The record: a path or a database URL.")
def command(
    goals: str | None, plot: Path | None, as_json: bool, store: str | None, labels: tuple[str, ...], **only: str | None
) -> int:
    """TTD and TTR of the runs on record: every value, median, mean, p90, n, and how many are only lower bounds (≥).

    An experiment is compared only with itself; the overall figures come last, with the five success figures of the last 90
    days and what has not been tested for longest.
    """
    from runner.app import durations, success
    from runner.store import Store

    if plot:
        files.check_output(plot, "the plot", suffixes=(".svg",))
    asked, carried = success.read_goals(goals), options.read_labels(labels)
    with Store.open(store) as opened:
        found = opened.distributions(only["service"])
        every = as_json or plot is not None or only["experiment"] is not None or bool(carried)
        runs = opened.values(experiment=only["experiment"], service=only["service"], labels=carried) if every else ()
        groups = (
            [*durations.from_runs(runs)] if every else [*durations.from_distributions(opened, found, only["service"])]
        )
        overall = None if any(only.values()) or carried else success.compute(opened, found, asked)
    if plot is not None:
        _draw(plot, [*durations.by_experiment(runs)])
    if as_json:
        plain = {
            "experiments": [durations.to_json(group) for group in groups],
            **(overall.to_json() if overall else {}),
        }
        click.echo(json.dumps(plain, indent=1))
    elif not groups:
        click.echo("No runs on record.")
    else:
        click.echo("\n\n".join([*map(_text, groups), *(success.render(overall) if overall else ())]))
    return errors.ExitCode.PASS


def _draw(path: Path, groups: Sequence[tuple[str, Sequence[Run]]]) -> None:
    """Every experiment's own dots. Raises UsageError without a run, and for a file that cannot be written."""
    from runner.app.durations import ALL
    from runner.report import dots, html

    panels = {title: {kind: _dots(runs, kind.lower()) for kind in ("TTD", "TTR")} for title, runs in groups}
    if len(panels) > 1:
        del panels[ALL]  # no experiment is compared with another
    try:
        files.write_atomically(path.resolve(), dots.render(panels, html.css()))
    except ValueError:
        raise errors.UsageError(
            "there is nothing to draw: no runs on record", hint="chaos-run FILE makes one"
        ) from None
    except OSError as problem:
        raise errors.UsageError(f"{path} cannot be written: {problem.strerror}") from None


def _dots(runs: Sequence[Run], which: str) -> list[Dot]:
    from runner.app.durations import values
    from runner.report.dots import Dot

    felt = [run for run in runs if getattr(run, f"{which}_s") is not None]
    return [
        Dot(at=datetime.fromisoformat(run.started), value=value)
        for run, value in zip(felt, values(felt, which), strict=True)
    ]


def _text(group: DurationGroup) -> str:
    from runner.app import durations
    from runner.report import table

    detected = durations.detection_rate(group)
    share = f"detected {detected.k} of {detected.n}"
    if detected.n:
        share += f" (95 %: {units.format_ratio(detected.low)} to {units.format_ratio(detected.high)})"
    head = ("", "MEDIAN", "95 %", "KAPLAN-MEIER", "MEAN", "P90", "N", "CENSORED")
    count = f"{group.runs} run{'' if group.runs == 1 else 's'}"
    if not group.ttd.latest and not group.ttr.latest:
        return f"{group.title}: {count}, no watched user felt anything"
    both = {"TTD": group.ttd, "TTR": group.ttr}
    rows = [_row(name, waits) for name, waits in both.items()]
    lines = [
        f"{group.title}: {count}, {share if detected.n else 'nothing to notice'}",
        table.render(head, rows, right=(1, 2, 3, 4, 5, 6, 7)),
        *(_strip(name, waits) for name, waits in both.items() if waits.latest),
    ]
    return "\n".join(lines)


def _row(name: str, waits: Waits) -> tuple[str, ...]:
    from runner.timeline import mttd_mttr, survival

    found = mttd_mttr.summary(waits.durations)
    interval = f"{_figure(found.median_low)}–{_figure(found.median_high)}" if found.median_low else "-"
    return (
        name,
        _figure(found.median),
        interval,
        _figure(survival.product_limit(waits.durations) if found.censored else None),
        _figure(found.mean),
        _figure(found.p90),
        str(found.n),
        str(found.censored),
    )


def _figure(figure: Estimate | None) -> str:
    if figure is None:
        return "-"
    return units.format_measured(figure.seconds, at_least=figure.at_least)


def _strip(name: str, waits: Waits) -> str:
    """Every value, the oldest first; in lines that fit. Of very many the latest: all are in --json and --plot."""
    import shutil

    last = waits.latest[-MOST_SHOWN:]
    older = sum(map(len, waits.durations)) - len(last)
    before = f"{name}: ({older:,} older)" if older else f"{name}:"
    words = [before, *[f"{'≥' if censored else ''}{units.format_duration(seconds)}" for seconds, censored in last]]
    return "\n".join(_filled(words, shutil.get_terminal_size((100, 24)).columns, indent="     "))


def _filled(words: Iterable[str], width: int, indent: str) -> Iterator[str]:
    """As textwrap does it, but for words that are known to be short: there may be many thousands."""
    line = ""
    for word in words:
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = indent + word
        else:
            line = f"{line} {word}" if line else word
    yield line
