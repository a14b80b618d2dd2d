"""`chaos-run judge RUN`: the samples of a run on record judged once more, by its own objectives or by others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runner.slo.objective import Objective
    from runner.timeline.record import RunRecord


@click.command(name="judge")
@click.argument("run", default="last")
@click.option("--slo", metavar="FILE", help="Judge by these objectives: OpenSLO, or `objectives:` in our shorthand.")
@click.option("--json", "as_json", is_flag=True, help="The record as it would be, as JSON.")
@click.option("--store", help="The record: a path or a database URL.")
def command(run: str, slo: str | None, as_json: bool, store: str | None) -> int:
    """Judge RUN again from its stored samples: its id, the beginning of it, or `last`.

    The record is not changed. The exit code is that of the new verdict.
    """
    from runner.engine.conclude import rejudge
    from runner.store import Store

    with Store.open(store) as opened:
        record = opened.get(run)
    judged = rejudge.judge(record, _objectives(slo, record) if slo else None)
    if as_json:
        click.echo(json.dumps(judged.to_json(), indent=1))
    else:
        click.echo("\n".join(text(record, judged)))
    return judged.exit_code


def text(before: RunRecord, after: RunRecord) -> Iterator[str]:
    """The verdict, the objectives, and whether anything is different from what stands in the record."""
    yield f"{after.verdict}: {after.sentence}"
    yield from (f"  {o.verdict:12} {o.name}: {o.sentence}" for o in after.objectives)
    same = (before.verdict, before.sentence, before.objectives) == (after.verdict, after.sentence, after.objectives)
    yield f"{after.run}: as on record" if same else f"{after.run}: on record it is {before.verdict}: {before.sentence}"


def _objectives(path: str, record: RunRecord) -> list[Objective]:
    from runner.engine.conclude import rejudge
    from runner.experiment import objectives
    from runner.plan import translate

    counted = rejudge.counted(record)
    found = objectives.read(path, [i.name for i in record.indicators if i.name not in counted], counted)
    return [translate.promised(o) for o in found]
