"""`chaos-run recover`: play what dead runs have left open in their undo ledgers."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from runner import errors, units

if TYPE_CHECKING:
    from runner.undo.pending import Unfinished


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
    from runner.rundir import paths
    from runner.undo import pending

    found = pending.find(paths.runs_dir())
    if by_hand is not None or reason is not None:
        _settle(found, by_hand, reason)
        found = pending.find(paths.runs_dir())
    if not found:
        click.echo("Nothing is left open.")
    for run in found:
        nothing = "undone, but the notification is still to be sent" if run.over else "no open undo step"
        click.echo(f"{run.run} on {run.context or 'no cluster'}: {', '.join(run.outstanding) or nothing}")
    if dry_run:
        return errors.ExitCode.PASS
    failed = [run.run for run in found if not pending.recover(run)]
    if found:
        _index(store)
    _give_way(store, failed)
    for name in failed:
        click.echo(f"{name}: not everything could be put back; see chaos-run show {name}", err=True)
        click.echo(
            f"hint: if you have undone it by hand, or it is gone: chaos-run recover --by-hand {name} --reason '…'",
            err=True,
        )
    for run in found:
        if run.run not in failed and (said := _way_back(run)):
            click.echo(f"{run.run}: {said}")
    return errors.ExitCode.UNDO_FAILED if failed else errors.ExitCode.PASS


def _settle(found: Sequence[Unfinished], run: str | None, reason: str | None) -> None:
    """Raises UsageError for a run without anything open, and without a reason."""
    from runner.rundir.ledger import Ledger

    if not run or not (reason or "").strip():
        raise errors.UsageError("--by-hand RUN and --reason TEXT go together")
    chosen = [f for f in found if f.run.startswith(run)]
    if len(chosen) != 1:
        said = f"{len(chosen)} unfinished runs are called {run!r}"
        raise errors.UsageError(said, hint="chaos-run recover --dry-run lists them")
    person = units.user()
    Ledger(chosen[0].folder).settle_by_hand(person, str(reason))
    click.echo(
        f"{chosen[0].run}: {', '.join(chosen[0].outstanding) or 'nothing open'} – closed by hand by {person}: {reason}"
    )


def _way_back(run: Unfinished) -> str:
    """What the last undo and the look after it came to, in words."""
    from runner.rundir import events

    told = [e for e in events.read(run.folder) if e["event"] == "undone"]
    return str(told[-1].get("sentence") or "every undo step succeeded") if told else ""


def _index(store: str | None) -> None:
    from runner.store import Store

    with Store.open(store) as opened:
        opened.reindex()


def _give_way(store: str | None, failed: Sequence[str]) -> None:
    """Let others have the targets that dead runs of this machine still hold on a shared record; they run out by themselves too."""
    from runner.rundir import live, paths
    from runner.store import Store

    if (url := paths.shared(store)) is None:
        return
    with contextlib.suppress(errors.EnvironmentFailure), Store.open(url) as opened:
        for run in opened.presence.live():
            if run.run not in failed and live.is_left(paths.runs_dir(), run.run):
                opened.presence.leave(run.run)
