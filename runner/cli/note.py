"""`chaos-run note`: what a person saw, for the record."""

from __future__ import annotations

import click

from runner import errors
from runner.cli.context import message_options


@click.command(name="note")
@click.argument("text")
@click.option("--run", default=None, help="Its id, the beginning of it, or `last`; needed when several are live.")
@message_options
def command(run: str | None, text: str, by: str, store: str | None) -> int:
    """Leave a note in the record of a run, at this very moment."""
    from runner.app import live_runs

    sent = live_runs.message("note", by=by, note=text)
    click.echo(live_runs.send_to_one(sent, run, store))
    return errors.ExitCode.PASS
