"""`chaos-run stop [RUN]`: the emergency stop, from any terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from runner import clock, errors, units
from runner.rundir.names import RECORD

if TYPE_CHECKING:
    from runner.app.live_runs import Here, There
    from runner.rundir.live import LiveRun
    from runner.store import presence

_POLL_S = 0.05
_POLL_THERE_S = 0.5


@click.command(name="stop")
@click.argument("run", required=False)
@click.option("--reason", default="", help="Kept in the record.")
@click.option("--timeout", default="60s", show_default=True, help="How long to wait until the run has ended.")
@click.option("--store", help="The record that a run on another machine shares: a database URL or a path.")
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
    with live_runs.chosen(run, store) as runs:
        told = [one for one in runs if _tell(one, reason)]
        until = time.monotonic() + patience_s
        codes = [_ended(one, until) for one in told]
    codes += [errors.ExitCode.ENVIRONMENT] * (len(runs) - len(told))
    return errors.worst(codes)


def _tell(one: Here | There, reason: str) -> bool:
    """Whether it could be told; one that cannot is no reason not to tell the others."""
    from runner.app.live_runs import message

    try:
        one.tell(message("stop", by=units.user(), reason=reason))
    except errors.EnvironmentFailure as problem:
        click.echo(
            f"{one.run}: {problem.message}. {(problem.hint or '')[:1].upper()}{(problem.hint or '')[1:]}", err=True
        )
        return False
    click.echo(f"{one.run}{one.where}: stop requested{', and received there' if one.where else ''}")
    return True


def _ended(one: Here | There, until: float) -> errors.ExitCode:
    from runner.app.live_runs import Here

    return _outcome(one.live, until) if isinstance(one, Here) else _outcome_there(one, until)


def _outcome_there(one: There, until: float) -> errors.ExitCode:
    """Wait until the record has it, or it is gone from there without one."""
    now = clock.poll_until(
        lambda: None if one.store.knows(one.run) else _live(one),
        until - time.monotonic(),
        _POLL_THERE_S,
        enough=lambda live: live is None,
    )
    if now is not None:
        click.echo(f"{one.run}: not over yet; the undo is still running{one.where}, {now.heard}", err=True)
        return errors.ExitCode.ENVIRONMENT
    return _said(one.run, one.store.get(one.run).to_json()) if one.store.knows(one.run) else _gone(one)


def _live(one: There) -> presence.LiveRun | None:
    """What the record knows of it while it is live."""
    return next((live for live in one.store.presence.live() if live.run == one.run), None)


def _gone(one: There) -> errors.ExitCode:
    """It left no verdict: harmless only where it said so itself, for it may be that its verdict could not be saved."""
    if (words := one.store.presence.last_words(one.run)) is not None:
        return _said(one.run, words)
    click.echo(
        f"{one.run}: gone from the record without a verdict; run{one.where}: chaos-run show {one.run}, chaos-run recover",
        err=True,
    )
    return errors.ExitCode.ENVIRONMENT


def _outcome(run: LiveRun, until: float) -> errors.ExitCode:
    """Wait for its record. A stopped run that has undone everything is what was asked for: PASS."""
    ended = clock.poll_until(
        lambda: run.over or not run.folder.exists() or not run.is_parent_alive(), until - time.monotonic(), _POLL_S
    )
    if not run.over and not ended:
        click.echo(f"{run.run}: not over yet; the undo is still running. Watch it in {run.folder}", err=True)
        return errors.ExitCode.ENVIRONMENT
    if not run.over and not run.folder.exists():
        click.echo(f"{run.run}: stopped before anything was injected")
        return errors.ExitCode.PASS
    if not run.over:
        click.echo(f"{run.run}: its runner died while stopping; run: chaos-run recover", err=True)
        return errors.ExitCode.ENVIRONMENT
    return _said(run.run, json.loads((run.folder / RECORD).read_text(encoding="utf-8")))


def _said(run: str, record: Mapping[str, Any]) -> errors.ExitCode:
    click.echo(f"{run}: {record.get('sentence') or 'stopped before anything was injected'}")
    for residue in record.get("residue", ()):
        click.echo(f"  left behind: {residue}", err=True)
    if record.get("exit_code") == errors.ExitCode.UNDO_FAILED:
        return errors.ExitCode.UNDO_FAILED
    return errors.ExitCode.PASS
