"""`chaos-run stop [RUN]`: the emergency stop, from any terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from runner import errors, units
from runner.cli.context import SHARED_STORE

if TYPE_CHECKING:
    from runner.app.live_runs import Ending, LocalRun, RemoteRun


@click.command(name="stop")
@click.argument("run", required=False)
@click.option("--reason", default="", help="Kept in the record.")
@click.option("--timeout", default="60s", show_default=True, help="How long to wait until the run has ended.")
@SHARED_STORE
def command(run: str | None, reason: str, timeout: str, store: str | None) -> int:
    """Stop a run, or a whole GameDay, and wait until everything is put back; without RUN: all that is live on this machine.

    RUN is the id of a run or a GameDay, the beginning of it, or `last`. A GameDay that is stopped begins no other step. Where
    none is live here, those of other machines are meant that share the record: CHAOS_RUN_STORE or --store.
    """
    from runner.app import live_runs

    try:
        patience_s = units.parse_duration(timeout)
    except ValueError as problem:
        raise errors.UsageError(str(problem)) from None
    with live_runs.choose(run, store) as runs:
        sent = [one for one in runs if _send(one, reason)]
        until = time.monotonic() + patience_s
        codes = [_print_ending(one.run, one.wait_for_end(until)) for one in sent]
    codes += [errors.ExitCode.ENVIRONMENT] * (len(runs) - len(sent))
    return errors.worst(codes)


def _send(one: LocalRun | RemoteRun, reason: str) -> bool:
    """Whether it took the message; one that cannot is no reason not to stop the others."""
    from runner.app.live_runs import message

    try:
        one.send(message("stop", reason=reason))
    except errors.EnvironmentFailure as problem:
        click.echo(
            f"{one.run}: {problem.message}. {(problem.hint or '')[:1].upper()}{(problem.hint or '')[1:]}", err=True
        )
        return False
    click.echo(f"{one.run}{one.where}: stop requested{', and received there' if one.where else ''}")
    return True


def _print_ending(run: str, ending: Ending) -> errors.ExitCode:
    click.echo(f"{run}: {ending.sentence}", err=ending.code == errors.ExitCode.ENVIRONMENT)
    for residue in ending.residue:
        click.echo(f"  left behind: {residue}", err=True)
    return ending.code
