"""`chaos-run ack [RUN]`: how a person says "noticed"."""

from __future__ import annotations

from typing import Any

import click

from runner import clock, errors, units


@click.command(name="ack")
@click.argument("run", required=False)
@click.option("--note", default="", help="What was seen: kept in the record.")
@click.option("--by", default="", help="Who noticed; the user's name by default.")
def command(run: str | None, note: str, by: str) -> int:
    """Say that you have noticed the fault: the run marks it as detected by a person at this very moment.

    RUN is its id, the beginning of it, or `last`; it may be left out when exactly one run is live.
    """
    send(
        "noticed", run, message("ack", by=by or units.user(), note=note)
    )  # the moment first: finding the run takes time
    return errors.ExitCode.PASS


def send(what: str, run: str | None, said: dict[str, Any]) -> None:
    """Put a message into a live run's inbox. Raises UsageError or EnvironmentFailure."""
    from runner.store import inbox, live, place

    chosen = live.choose(place.runs_dir(), run)
    if len(chosen) > 1:
        raise errors.UsageError(
            f"{len(chosen)} runs are live: say which one", hint=f"live: {', '.join(one.run for one in chosen)}"
        )
    if not chosen[0].parent_alive():
        raise errors.EnvironmentFailure(f"the runner of {chosen[0].run} is dead", hint="chaos-run recover")
    inbox.post(chosen[0].folder, said)
    click.echo(f"{chosen[0].run}: {what} by {said['by']} at {said['at']}")


def message(kind: str, **fields: Any) -> dict[str, Any]:
    """A message to a run, with the moment on both clocks."""
    time = clock.SystemClock()
    return {"kind": kind, "at": clock.rfc3339(time.now()), "mono_ns": time.monotonic(), **fields}
