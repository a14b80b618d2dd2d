"""`chaos-run mitigated`: how a person says "users are well again, by what we did"."""

from __future__ import annotations

import click

from runner import errors, units
from runner.app import live_runs
from runner.cli import ack


@click.command(name="mitigated")
@click.argument("run", required=False)
@click.option("--note", "text", default="", help="What was done: kept in the record.")
@click.option("--by", default="", help="Who says so; the user's name by default.")
@click.option("--store", help="The record that a run on another machine shares: a database URL or a path.")
def command(run: str | None, text: str, by: str, store: str | None) -> int:
    """Record that users are well again by what you did, at this very moment."""
    ack.send("mitigated", run, live_runs.message("mitigated", by=by or units.user(), note=text), store)
    return errors.ExitCode.PASS
