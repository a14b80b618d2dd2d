"""A session without a run."""

from __future__ import annotations

from runner import clock
from runner.engine.options import NullView
from runner.engine.session import Session
from runner.rundir import paths


def new_session() -> Session:
    """A run that is about to begin."""
    return Session(paths.runs_dir(), NullView(), clock.SystemClock())
