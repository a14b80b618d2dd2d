"""`chaos-run compare RUN RUN`: two runs of the record side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from runner import errors

if TYPE_CHECKING:
    from runner.store import Store
    from runner.timeline.conditions import Change
    from runner.timeline.record import RunRecord


@click.command(name="compare")
@click.argument("a")
@click.argument("b", default="last")
@click.option("--json", "as_json", is_flag=True, help="The comparison as JSON.")
@click.option("--store", help="The record: a path or a database URL.")
def command(a: str, b: str, as_json: bool, store: str | None) -> int:
    """Two runs side by side, A and B: their ids, beginnings of them, or `last`.

    Objectives, times, targets, verdicts, and what else differs. That one run did better is said only where chance does not explain it.
    """
    from runner.report import comparison, side_by_side
    from runner.store import Store

    with Store.open(store) as opened:
        one, two = opened.get(a), opened.get(b)
        if one.run == two.run:
            raise errors.UsageError(f"{a} and {b} are the same run, {one.run}", hint="chaos-run history lists the runs")
        found = comparison.compare(one, two, _others(opened, one, two), _contents(one, two))
    click.echo(json.dumps(found.to_json(), indent=1) if as_json else side_by_side.text(found))
    return errors.ExitCode.PASS


def _contents(one: RunRecord, two: RunRecord) -> list[Change] | None:
    """What stands differently in their file, where both runs' folders are here."""
    from runner.app import rerun
    from runner.timeline import conditions

    then, now = rerun.earlier(one).document, rerun.earlier(two).document
    return None if then is None or now is None else [*conditions.document_changes(then, now)]


def _others(store: Store, one: RunRecord, two: RunRecord) -> list[tuple[str, float, bool]]:
    """TTD and TTR of all other runs of the same experiment on the same service; none where these are not the same."""
    known = {run.run: run for run in store.values(service=one.service)}
    if len({(known[run.run].service, known[run.run].name) for run in (one, two) if run.run in known}) != 1:
        return []
    name = known[one.run].name
    others = [run for run in known.values() if run.name == name and run.run not in (one.run, two.run)]
    return [
        (kind, seconds, bool(censored))
        for run in others
        for kind, seconds, censored in (("TTD", run.ttd_s, run.ttd_censored), ("TTR", run.ttr_s, run.ttr_censored))
        if seconds is not None
    ]
