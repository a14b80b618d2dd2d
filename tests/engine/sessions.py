"""A session without a run."""

from __future__ import annotations

import json
from pathlib import Path

from runner import clock
from runner.engine.options import NullView
from runner.engine.session import Session
from runner.experiment import load
from runner.rundir import paths


def session_in(folder: Path) -> Session:
    """A run that is about to begin."""
    file = folder / "experiment.json"
    file.write_text(json.dumps({"title": "t", "description": "d", "method": []}))
    experiment = load.load(str(file), variables={}, secret_variables={}, env={})
    return Session(experiment, paths.runs_dir(), NullView(), clock.SystemClock())
