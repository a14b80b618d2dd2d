"""Run one experiment for a face (command line, gate, GameDay): seen by its view, told to the team, closed by others if we die."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner.app import listeners, views
from runner.engine.options import Notice, Options, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.timeline.record import RunRecord


async def run_one(
    asked: Options,
    *,
    as_json: bool = False,
    plain: bool = False,
    notice_before: str | None = "0s",
    wrap: Callable[[View], View] | None = None,
) -> RunRecord:
    """From the file to the record. `wrap` puts the caller's own view around the one for people.

    `notice_before` is the duration that others are told before the run; None: as long as the team's file says.
    Raises ChaosRunError only while nothing has been injected.
    """
    from runner.engine import run  # slow to import: `--help` does without

    view = views.choose(as_json=as_json, plain=plain)
    asked = replace(asked, notice=_notice(view, notice_before), afterwards=_orphan_command())
    return await run.run(asked, wrap(view) if wrap else view)


def notice_seconds(asked: str | None) -> float | None:
    """`--notice-before` in seconds; None where it was not given. Raises UsageError."""
    from runner import errors, units

    try:
        return None if asked is None else units.parse_duration(asked)
    except ValueError as problem:
        raise errors.UsageError(f"--notice-before: {problem}") from None


def _notice(view: View, asked: str | None) -> Notice | None:
    """How long before the run others are told of it: as asked for, else as the team's file says; None where nobody is.

    Raises UsageError for what is no duration, and where no channel would get it.
    """
    before_s = notice_seconds(asked)
    if before_s is None:
        before_s = getattr(view, "notice_before", None)
    if not before_s:
        return None
    from runner.app.announce import AnnouncingView, no_channel_for_notice

    if not isinstance(view, AnnouncingView):
        raise no_channel_for_notice()
    return view.notice(before_s)


def _orphan_command() -> tuple[str, ...]:
    """What a process that undoes the run after our death is to call, so that the run is on record and others hear of it."""
    file = listeners.channels_file()
    return (sys.executable, "-P", "-m", "runner.app.orphan_notice", str(Path(file).absolute()) if file else "")
