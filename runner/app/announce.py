"""A view that also tells a team: messages go to its channels while the run lasts, and the figures of the finished run to its telemetry."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Self

from runner import errors
from runner.app import listeners
from runner.engine.options import Notice, View
from runner.experiment import channels as files
from runner.experiment.channels import Channels, Telemetry
from runner.notify.alert_policy import AlertPolicy
from runner.notify.outbox import Errand, Outbox
from runner.rundir import events
from runner.rundir.ledger import Ledger
from runner.rundir.names import RECORD
from runner.telemetry import exports
from runner.telemetry.finished import Finished
from runner.timeline import record
from runner.timeline.event import Event, Name
from runner.timeline.status import Status
from runner.timeline.vocabulary import CLOSING


def read_channels(path: str | None = None) -> Channels:
    """The team's file of channels, with what the environment says of telemetry. Raises UsageError, InvalidFile."""
    path = path or listeners.channels_file()
    found = files.load(path) if path else Channels.model_construct()
    found = found.model_copy(update={"telemetry": found.telemetry.over(os.environ)})
    exports.check(found.telemetry)
    return found


def no_channel_for_notice() -> errors.UsageError:
    """The error for a notice that would reach nobody."""
    return errors.UsageError(
        "--notice-before needs a channel with level info", hint="add one to the file of channels, CHAOS_RUN_NOTIFY"
    )


def export_errands(folder: Path, asked: Telemetry) -> Iterator[Errand]:
    """The configured exports of the run in a folder; none while it has no record."""
    if (folder / RECORD).exists():
        for name, export in exports.configured(asked):
            yield Errand(run=folder.name, event="telemetry", channel=name, act=partial(_export, export, folder))


def _export(export: exports.Export, folder: Path) -> str:
    try:
        run = read_finished(folder)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return f"the record in the run's folder cannot be read: {type(problem).__name__}"
    return export(run)


def read_finished(folder: Path) -> Finished:
    """A run that is over, read from its own folder. Raises OSError, ValueError, KeyError or TypeError for what is no record."""
    ledger = Ledger(folder)
    return Finished(
        record=record.from_json(json.loads((folder / RECORD).read_text(encoding="utf-8"))),
        events=events.read(folder),
        undone=sum(o["state"] in CLOSING for o in ledger.outcomes()),
        left=tuple(r.what for r in ledger.outstanding()),
    )


class AnnouncingView:
    """Wraps the view of a run."""

    def __init__(self, view: View, channels: Channels, runs: Path) -> None:
        self._view = view
        self._policy = AlertPolicy(channels.escalate_after)
        self._outbox = Outbox(channels.channels, runs)
        self.notice_before = channels.notice_before
        """What the team's file asks for, in seconds."""
        self._telemetry = channels.telemetry
        self._runs = runs
        self._run = ""

    def notice(self, before_s: float) -> Notice:
        """What the engine needs to give notice. Raises UsageError where no channel would get it."""
        if not self._outbox.hearers("info"):
            raise no_channel_for_notice()
        return Notice(before_s=before_s, reached=lambda: self._outbox.reached(Name.NOTICE.value, "info"))

    def __enter__(self) -> Self:
        self._outbox.open()
        self._view.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._view.__exit__(*details)  # the verdict is seen before anybody waits for a receiver
        for errand in export_errands(self._runs / self._run, self._telemetry) if self._run else ():
            self._outbox.put(errand)
        self._outbox.close()
        for sentence in self._outbox.failed:
            print(f"warning: {sentence}", file=sys.stderr, flush=True)

    def event(self, event: Event) -> None:
        """Something happened."""
        self._run = event.run
        if message := self._policy.hear(event):
            self._outbox.put(message)
        self._view.event(event)

    def tick(self, status: Status) -> None:
        """How things stand."""
        if message := self._policy.escalate(status.t):
            self._outbox.put(message)
        self._view.tick(status)

    def interrupted(self, count: int) -> None:
        """Ctrl-C."""
        self._view.interrupted(count)
