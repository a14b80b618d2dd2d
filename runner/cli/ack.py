"""`chaos-run ack [RUN]`: how a person says "detected"."""

from __future__ import annotations

import click

from runner import errors
from runner.cli.context import message_options


@click.command(name="ack")
@click.argument("run", required=False)
@click.option("--note", "text", default="", help="What was seen: kept in the record.")
@message_options
def command(run: str | None, text: str, by: str, store: str | None) -> int:
    """Record that you have detected the fault: detected by a person, at this very moment.

    RUN is its id, the beginning of it, or `last`; it may be left out when exactly one run is live.
    """
    from runner.app import live_runs

    sent = live_runs.message("ack", by=by, note=text)  # the moment first: finding the run takes time
    click.echo(live_runs.send_to_one(sent, run, store))
    return errors.ExitCode.PASS
