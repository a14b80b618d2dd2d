"""`chaos-run mitigated`: how a person says "users are well again, by what we did"."""

from __future__ import annotations

import click

from runner import errors, units
from runner.cli import ack


@click.command(name="mitigated")
@click.argument("run", required=False)
@click.option("--note", "text", default="", help="What was done: kept in the record.")
@click.option("--by", default="", help="Who says so; the user's name by default.")
def command(run: str | None, text: str, by: str) -> int:
    """Say that you have mitigated the fault: the run marks it, at this very moment, as a person's."""
    ack.send("mitigated", run, ack.message("mitigated", by=by or units.user(), note=text))
    return errors.ExitCode.PASS
