"""`chaos-run mitigated`: how a person says "users are well again, by what we did"."""

from __future__ import annotations

import click

from runner import errors
from runner.cli.context import message_options


@click.command(name="mitigated")
@click.argument("run", required=False)
@click.option("--note", "text", default="", help="What was done: kept in the record.")
@message_options
def command(run: str | None, text: str, by: str, store: str | None) -> int:
    """Record that users are well again by what you did, at this very moment."""
    from runner.app import live_runs

    sent = live_runs.message("mitigated", by=by, note=text)
    click.echo(live_runs.send_to_one(sent, run, store))
    return errors.ExitCode.PASS
