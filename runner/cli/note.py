"""`chaos-run note`: what a person saw, for the record."""

from __future__ import annotations

import click

from runner import errors, units
from runner.app import live_runs
from runner.cli import ack


@click.command(name="note")
@click.argument("text")
@click.option("--run", default=None, help="Its id, the beginning of it, or `last`; needed when several are live.")
@click.option("--by", default="", help="Who says so; the user's name by default.")
@click.option("--store", help="The record that a run on another machine shares: a database URL or a path.")
def command(run: str | None, text: str, by: str, store: str | None) -> int:
    """Leave a note in the record of a run, at this very moment."""
    ack.send("noted", run, live_runs.message("note", by=by or units.user(), note=text), store)
    return errors.ExitCode.PASS
