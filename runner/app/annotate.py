"""A view whose run is also drawn on the dashboards of the team's Grafana."""

from __future__ import annotations

import sys
from typing import Self

from runner.engine.options import View
from runner.experiment.channels import Channels
from runner.notify.annotations import Annotations
from runner.rundir import paths
from runner.timeline.event import Event
from runner.timeline.status import Status


def of_team(channels: Channels) -> Annotations:
    """Of the team's file."""
    return Annotations(channels.annotations, paths.runs_dir(), paths.state_dir() / "annotations")


def end_what_is_left(channels: Channels) -> None:
    """The regions of runs that a survivor or a recovery has closed are drawn to their end; waits a little for it."""
    if channels.annotations:
        drawn = of_team(channels)
        drawn.open()
        drawn.close()
        warn(drawn)


def warn(drawn: Annotations) -> None:
    """What could not be drawn."""
    for sentence in drawn.failed:
        print(f"warning: {sentence}", file=sys.stderr, flush=True)


class Annotating:
    """Wraps the view of a run."""

    def __init__(self, view: View, drawn: Annotations) -> None:
        self._view = view
        self._drawn = drawn

    def __enter__(self) -> Self:
        self._drawn.open()
        self._view.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._view.__exit__(*details)
        self._drawn.close()
        warn(self._drawn)

    def event(self, event: Event) -> None:
        """Something happened."""
        self._drawn.hear(event)
        self._view.event(event)

    def tick(self, status: Status) -> None:
        """How things stand."""
        self._view.tick(status)

    def interrupted(self, count: int) -> None:
        """Ctrl-C."""
        self._view.interrupted(count)
