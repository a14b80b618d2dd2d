"""`chaos-run stop [RUN]`: the emergency stop, from any terminal."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from runner import errors, units

if TYPE_CHECKING:
    from runner.store.live import LiveRun

_POLL_S = 0.05


@click.command(name="stop")
@click.argument("run", required=False)
@click.option("--reason", default="", help="Kept in the record.")
@click.option("--timeout", default="60s", show_default=True, help="How long to wait until the run has ended.")
def command(run: str | None, reason: str, timeout: str) -> int:
    """Stop a run and wait until it has put everything back; without RUN: every live run.

    RUN is its id, the beginning of it, or `last`.
    """
    from runner.store import live, place

    try:
        patience_s = units.parse_duration(timeout)
    except ValueError as problem:
        raise errors.UsageError(str(problem)) from None
    chosen = live.choose(place.runs_dir(), run)
    told = [one for one in chosen if _tell(one, reason)]
    until = time.monotonic() + patience_s
    codes = [_outcome(one, until) for one in told]
    codes += [errors.ExitCode.ENVIRONMENT] * (len(chosen) - len(told))
    return max(codes, key=lambda code: code.severity)


def _tell(run: LiveRun, reason: str) -> bool:
    from runner.cli.ack import message
    from runner.store import inbox

    if not run.parent_alive():
        click.echo(
            f"{run.run}: its runner is dead, so it cannot be told; a surviving undoer puts everything back within seconds. "
            "To make sure: chaos-run recover",
            err=True,
        )
        return False
    inbox.post(run.folder, message("stop", by=units.user(), reason=reason))
    click.echo(f"{run.run}: told to stop")
    return True


def _outcome(run: LiveRun, until: float) -> errors.ExitCode:
    """Wait for its record. A stopped run that has undone everything is what was asked for: PASS."""
    while not run.over:
        if time.monotonic() > until:
            click.echo(f"{run.run}: not over yet; it goes on undoing. Watch it in {run.folder}", err=True)
            return errors.ExitCode.ENVIRONMENT
        if not run.folder.exists():
            click.echo(f"{run.run}: stopped before anything was injected")
            return errors.ExitCode.PASS
        if not run.parent_alive() and not run.over:
            click.echo(f"{run.run}: its runner died while stopping: chaos-run recover", err=True)
            return errors.ExitCode.ENVIRONMENT
        time.sleep(_POLL_S)
    record: dict[str, Any] = json.loads((run.folder / "record.json").read_text(encoding="utf-8"))
    click.echo(f"{run.run}: {record['sentence']}")
    for residue in record.get("residue", ()):
        click.echo(f"  left behind: {residue}", err=True)
    if record["exit_code"] == errors.ExitCode.UNDO_FAILED:
        return errors.ExitCode.UNDO_FAILED
    return errors.ExitCode.PASS
