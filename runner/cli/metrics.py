"""`chaos-run metrics`: MTTD and MTTR over the runs on record, and what the experiments achieve."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner import errors, units

ALL = "all experiments"
MOST_SHOWN = 200
"""Values of one experiment that are written out as text."""

if TYPE_CHECKING:
    from runner.report.dots import Dot
    from runner.store import Measured as Run
    from runner.timeline.statistics import Figure, Value


@click.command(name="metrics")
@click.option("--experiment", help="Only this experiment: its file's name, path or title.")
@click.option("--service", help="Only runs on this service.")
@click.option("--goals", envvar="CHAOS_RUN_GOALS", help="The team's goals: a YAML or JSON file.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Also draw every value: an SVG file.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON, seconds as numbers.")
@click.option("--store", help="The record: a path or a database URL.")
def command(goals: str | None, plot: Path | None, as_json: bool, store: str | None, **only: str | None) -> int:
    """TTD and TTR of the runs on record: every value, median, mean, p90, n, and how many are only lower bounds (≥).

    An experiment is compared only with itself; the overall figures come last, with the five success figures of the last 90
    days and what has not been tested for longest.
    """
    from runner.cli import success
    from runner.store import Store

    asked = success.goals(goals)
    with Store.open(store) as opened:
        runs = opened.values(**only)
        overall = None if any(only.values()) else success.look(opened, runs, asked)
    found = list(_groups(runs))
    if plot is not None:
        _draw(plot, found)
    if as_json:
        plain = {"experiments": [_plain(*group) for group in found], **(overall.to_json() if overall else {})}
        click.echo(json.dumps(plain, indent=1, ensure_ascii=False))
    elif not runs:
        click.echo("No runs on record.")
    else:
        click.echo("\n\n".join([*(_text(*group) for group in found), *(success.text(overall) if overall else ())]))
    return errors.ExitCode.PASS


def _draw(path: Path, groups: Sequence[tuple[str, Sequence[Run]]]) -> None:
    """Every experiment's own dots. Raises UsageError without a run, and for a file that cannot be written."""
    from runner import files
    from runner.report import dots, html

    panels = {title: {kind: _dots(runs, kind.lower()) for kind in ("TTD", "TTR")} for title, runs in groups}
    if len(panels) > 1:
        del panels[ALL]  # no experiment is compared with another
    try:
        files.write_atomically(path, dots.render(panels, html.css()))
    except ValueError:
        raise errors.UsageError(
            "there is nothing to draw: no runs on record", hint="chaos-run FILE makes one"
        ) from None
    except OSError as problem:
        raise errors.UsageError(f"{path} cannot be written: {problem.strerror}") from None


def _dots(runs: Sequence[Run], which: str) -> list[Dot]:
    from runner.report.dots import Dot

    felt = [run for run in runs if getattr(run, f"{which}_s") is not None]
    return [
        Dot(at=datetime.fromisoformat(run.started), value=value)
        for run, value in zip(felt, values(felt, which), strict=True)
    ]


def _groups(runs: Sequence[Run]) -> Iterator[tuple[str, Sequence[Run]]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(f"{run.name} on {run.service}", []).append(run)
    yield from sorted(found.items())
    if len(found) > 1:
        yield ALL, runs


def values(runs: Sequence[Run], which: str) -> list[Value]:
    """The TTDs or TTRs (`which`) of runs that have one, the oldest first."""
    from runner.timeline.statistics import Value

    if which == "ttd":
        return [Value(run.ttd_s, run.ttd_censored == 1) for run in runs if run.ttd_s is not None]
    return [Value(run.ttr_s, run.ttr_censored == 1) for run in runs if run.ttr_s is not None]


def _as_dict(figure: Figure | None) -> dict[str, Any] | None:
    return asdict(figure) if figure else None


def _plain(title: str, runs: Sequence[Run]) -> dict[str, Any]:
    from runner.timeline import statistics, survival

    ttd = values(runs, "ttd")
    detected = statistics.rate(sum(not v.censored for v in ttd), len(ttd))
    return {
        "experiment": title,
        "runs": len(runs),
        "detection_rate": asdict(detected),
        **{
            which: {
                **asdict(statistics.summarise(values(runs, which))),
                "kaplan_meier_median": _as_dict(survival.median(values(runs, which))),
                "values": [{"seconds": v.seconds, "censored": v.censored} for v in values(runs, which)],
            }
            for which in ("ttd", "ttr")
        },
    }


def _text(title: str, runs: Sequence[Run]) -> str:
    from runner.cli import table
    from runner.timeline import statistics

    ttd, ttr = values(runs, "ttd"), values(runs, "ttr")
    detected = statistics.rate(sum(not v.censored for v in ttd), len(ttd))
    share = f"noticed {detected.k} of {detected.n}"
    if detected.n:
        share += f" (95 %: {units.format_ratio(detected.low)} to {units.format_ratio(detected.high)})"
    rows = [_row("TTD", ttd), _row("TTR", ttr)]
    head = ("", "MEDIAN", "95 %", "KAPLAN-MEIER", "MEAN", "P90", "N", "CENSORED")
    count = f"{len(runs)} run{'' if len(runs) == 1 else 's'}"
    if not ttd and not ttr:
        return f"{title}: {count}, no watched user felt anything"
    lines = [
        f"{title}: {count}, {share if detected.n else 'nothing to notice'}",
        table.render(head, rows, right=(1, 2, 3, 4, 5, 6, 7)),
        *(_strip(name, values) for name, values in (("TTD", ttd), ("TTR", ttr)) if values),
    ]
    return "\n".join(lines)


def _row(name: str, values: Sequence[Value]) -> tuple[str, ...]:
    from runner.timeline import statistics, survival

    found = statistics.summarise(values)
    interval = f"{_figure(found.median_low)}–{_figure(found.median_high)}" if found.median_low else "-"
    return (
        name,
        _figure(found.median),
        interval,
        _figure(survival.median(values) if found.censored else None),
        _figure(found.mean),
        _figure(found.p90),
        str(found.n),
        str(found.censored),
    )


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    return f"{'≥ ' if figure.at_least else ''}{units.format_duration(figure.seconds)}"


def _strip(name: str, values: Sequence[Value]) -> str:
    """Every value, the oldest first; in lines that fit. Of very many the latest: all are in --json and --plot."""
    import shutil
    import textwrap

    last = values[-MOST_SHOWN:]
    older = f"({len(values) - len(last):,} older) " if len(values) > len(last) else ""
    every = older + " ".join(f"{'≥' if v.censored else ''}{units.format_duration(v.seconds)}" for v in last)
    return textwrap.fill(
        f"{name}: {every}", width=shutil.get_terminal_size((100, 24)).columns, subsequent_indent="     "
    )
