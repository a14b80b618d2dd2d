"""`chaos-run export RUN`: the evidence of one run as a bundle that verifies offline."""

from __future__ import annotations

from pathlib import Path

import click

from runner import errors
from runner import files as outputs


@click.command(name="export")
@click.argument("run", default="last")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The bundle: RUN.zip here unless said otherwise.")
@click.option("--store", help="The record: a path or a database URL.")
def command(run: str, output: Path | None, store: str | None) -> int:
    """Bundle everything that RUN rests on: inputs, plan, samples, events, ledger, journal and record, each with its hash.

    Secrets are not in it.
    """
    from runner.app import evidence
    from runner.store import Store, bundle

    if output:
        outputs.check_output(output, "the bundle", suffixes=(".zip",))
    with Store.open(store) as opened:
        record = opened.get(run)
        path = output or Path(f"{record.run}.zip")
        outputs.check_output(path, "the bundle")
        events = opened.events(record.run)
    files, missing = evidence.gather(record, events)
    seal = bundle.pack(files, record.run, path)
    click.echo(f"{path}: {len(files)} files of {record.run}, seal {seal}")
    for name in missing:
        click.echo(f"warning: {name} is not in it: {record.folder} has it not", err=True)
    return errors.ExitCode.PASS
