"""`chaos-run recover`: play what dead runs have left open in their undo ledgers."""

from __future__ import annotations

import click

from runner import errors


@click.command(name="recover")
@click.option("--dry-run", is_flag=True, help="Only say what is open.")
@click.option("--by-hand", metavar="RUN", help="You have undone by hand what this run left; needs --reason.")
@click.option("--reason", help="What you did; kept in the run's undo ledger with your name.")
@click.option("--store", help="The record to add the recovered runs to.")
def command(dry_run: bool, by_hand: str | None, reason: str | None, store: str | None) -> int:
    """Put back what a runner that died has left. Safe to call at any time, and again.

    As long as something is open no other run begins. What can never be put back by its own undo steps, because the service is
    gone for good, is closed with --by-hand.
    """
    from runner.app import recovery

    found = recovery.unfinished()
    if by_hand is not None or reason is not None:
        _close_by_hand(by_hand, reason)
        found = recovery.unfinished()
    if not found:
        click.echo("Nothing is left open.")
    for run in found:
        nothing = "undone, but the notification is still to be sent" if run.over else "no open undo step"
        click.echo(f"{run.run} on {run.context or 'no cluster'}: {', '.join(run.outstanding) or nothing}")
    if dry_run:
        return errors.ExitCode.PASS
    failed = recovery.recover(found, store)
    for name in failed:
        click.echo(f"{name}: not everything could be put back; see chaos-run show {name}", err=True)
        click.echo(
            f"hint: if you have undone it by hand, or it is gone: chaos-run recover --by-hand {name} --reason '…'",
            err=True,
        )
    for run in found:
        if run.run not in failed and (sentence := recovery.put_back_sentence(run)):
            click.echo(f"{run.run}: {sentence}")
    return errors.ExitCode.UNDO_FAILED if failed else errors.ExitCode.PASS


def _close_by_hand(run: str | None, reason: str | None) -> None:
    from runner.app import recovery

    if not run or not (reason or "").strip():
        raise errors.UsageError("--by-hand RUN and --reason TEXT go together")
    closed, person = recovery.close_by_hand(run, str(reason))
    click.echo(
        f"{closed.run}: {', '.join(closed.outstanding) or 'nothing open'} – closed by hand by {person}: {reason}"
    )
