"""`chaos-run note`: what a person saw, for the record."""

from __future__ import annotations

import click

from runner import errors, units
from runner.cli import ack


@click.command(name="note")
@click.argument("text")
@click.option("--run", default=None, help="Its id, the beginning of it, or `last`; needed when several are live.")
@click.option("--by", default="", help="Who says so; the user's name by default.")
def command(run: str | None, text: str, by: str) -> int:
    """Leave a note in the record of a run, at this very moment."""
    ack.send("noted", run, ack.message("note", by=by or units.user(), note=text))
    return errors.ExitCode.PASS
