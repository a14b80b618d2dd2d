"""`chaos-run history`: the runs on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import click

from runner import errors, units
from runner.cli import options

if TYPE_CHECKING:
    from runner.store import Summary


@click.command(name="history")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, the latest first.")
@click.option("--service", help="Only runs on this service.")
@click.option("--experiment", help="Only runs of this experiment: its file's name, path or title.")
@click.option("--verdict", help="Only runs with this verdict: pass, fail, inconclusive, aborted, …")
@click.option("--since", help="Only runs begun since then: 2026-11-01, or an age such as 7d.")
@options.WITH_LABEL
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.option("--rebuild", is_flag=True, help="First read every run's own folder into the record again.")
@click.option("--store", help="The record: a path or a database URL.")
def command(
    limit: int,
    service: str | None,
    experiment: str | None,
    verdict: str | None,
    since: str | None,
    labels: tuple[str, ...],
    as_json: bool,
    rebuild: bool,
    store: str | None,
) -> int:
    """List the runs on record, the latest first."""
    from runner.store import Store

    moment, carried = _since(since) if since else None, options.read_labels(labels)
    with Store.open(store) as opened:
        if rebuild:
            click.echo(f"{opened.reindex()} runs read from their folders", err=True)
        only = {"service": service, "experiment": experiment, "verdict": verdict}
        runs = opened.list(limit=limit, since=moment, labels=carried, **only)
    for said in _unfinished():
        click.echo(said, err=True)
    if as_json:
        click.echo(json.dumps([run.to_json() for run in runs], indent=1))
    else:
        click.echo(table(runs) if runs else "No runs on record.")
    return errors.ExitCode.PASS


def _unfinished() -> Iterator[str]:
    """The runs of this machine that lost their runner and whoever else could undo: they come on record with their undo."""
    from runner.rundir import paths
    from runner.undo import pending

    for run in pending.find(paths.runs_dir()):
        if not run.over:
            open_ = f"still to be undone: {', '.join(run.outstanding)}" if run.outstanding else "not looked at since"
            yield f"the runner of {run.run} died and the run is not on record yet ({open_}); run: chaos-run recover"


def table(runs: list[Summary]) -> str:
    """One line a run; times in the zone of this machine."""
    from runner.report import table as tables

    rows = [
        (
            run.run,
            f"{run.started.astimezone():%Y-%m-%d %H:%M}",
            run.verdict,
            run.service,
            run.name,
            seconds(run.ttd_s, censored=run.ttd_censored),
            seconds(run.ttr_s, censored=run.ttr_censored),
            _bare(run),
        )
        for run in runs
    ]
    return tables.render(("RUN", "STARTED", "VERDICT", "SERVICE", "EXPERIMENT", "TTD", "TTR", ""), rows, right=(5, 6))


def seconds(value: float | None, *, censored: bool) -> str:
    """A TTD or TTR as people read it; a censored one is a lower bound, a missing one a dash."""
    if value is None:
        return "-"
    return units.format_measured(value, at_least=censored)


def _bare(run: Summary) -> str:
    said = run.sentence.removeprefix(f"{run.verdict}:").strip()
    return f"(imported) {said}" if run.imported else said


def _since(text: str) -> datetime:
    from datetime import UTC, timedelta

    try:
        return datetime.now(UTC) - timedelta(seconds=units.parse_duration(text))
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise errors.UsageError(
            f"{text!r} is neither a moment nor an age", hint="write 2026-11-01, 2026-11-01T12:00Z or 7d"
        ) from None
