"""`chaos-run ack [RUN]`: how a person says "detected"."""

from __future__ import annotations

from typing import Any

import click

from runner import errors, units


@click.command(name="ack")
@click.argument("run", required=False)
@click.option("--note", default="", help="What was seen: kept in the record.")
@click.option("--by", default="", help="Who detected it; the user's name by default.")
@click.option("--store", help="The record that a run on another machine shares: a database URL or a path.")
def command(run: str | None, note: str, by: str, store: str | None) -> int:
    """Record that you have detected the fault: detected by a person, at this very moment.

    RUN is its id, the beginning of it, or `last`; it may be left out when exactly one run is live.
    """
    from runner.app.live_runs import message

    said = message("ack", by=by or units.user(), note=note)  # the moment first: finding the run takes time
    send("detected", run, said, store)
    return errors.ExitCode.PASS


def send(what: str, run: str | None, said: dict[str, Any], store: str | None) -> None:
    """Tell a live run something. Raises UsageError or EnvironmentFailure."""
    from runner.app import live_runs

    with live_runs.chosen(run, store) as live:
        # While a step of a GameDay runs, it is its run that people look at; between the steps the day itself listens.
        runs = live if run else [one for one in live if not one.is_gameday] or live
        if len(runs) > 1:
            raise errors.UsageError(
                f"{len(runs)} runs are live: say which one", hint=f"live: {', '.join(one.run for one in runs)}"
            )
        runs[0].tell(said)
        click.echo(f"{runs[0].run}{runs[0].where}: {what} by {said['by']} at {said['at']}")
