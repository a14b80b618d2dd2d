"""`chaos-run recover`: play what dead runs have left open in their undo ledgers."""

from __future__ import annotations

import click

from runner import errors


@click.command(name="recover")
@click.option("--dry-run", is_flag=True, help="Only say what is open.")
@click.option("--store", help="The record to add the recovered runs to.")
def command(dry_run: bool, store: str | None) -> int:
    """Put back what a runner that died has left. Safe to call at any time, and again."""
    from runner.inject import unfinished
    from runner.store import place

    found = unfinished.find(place.runs_dir())
    if not found:
        click.echo("Nothing is left open.")
    for run in found:
        click.echo(f"{run.run} on {run.context or 'no cluster'}: {', '.join(run.outstanding) or 'no open undo step'}")
    if dry_run or not found:
        return errors.ExitCode.PASS
    failed = [run.run for run in found if not unfinished.recover(run)]
    _index(store)
    for name in failed:
        click.echo(f"{name}: not everything could be put back; see chaos-run show {name}", err=True)
    if not failed:
        click.echo("Everything was put back.")
    return errors.ExitCode.UNDO_FAILED if failed else errors.ExitCode.PASS


def _index(store: str | None) -> None:
    from runner.store import Store

    with Store.open(store) as opened:
        opened.reindex()
