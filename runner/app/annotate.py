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


def dashboards(channels: Channels) -> Annotations:
    """The dashboards that a team's file names."""
    return Annotations(channels.annotations, paths.runs_dir(), paths.state_dir() / "annotations")


def close_open_regions(channels: Channels) -> None:
    """Draw the end of runs that crash recovery has closed; waits a few seconds for the dashboards."""
    if channels.annotations:
        drawn = dashboards(channels)
        drawn.open()
        drawn.close()
        print_failures(drawn)


def print_failures(drawn: Annotations) -> None:
    """Warn on stderr of what could not be drawn."""
    for sentence in drawn.failed:
        print(f"warning: {sentence}", file=sys.stderr, flush=True)


class AnnotatingView:
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
        print_failures(self._drawn)

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
