"""`python -m runner.undo.replay FOLDER [late]`: play a run's ledger from disk, when the processes that knew it are gone."""

from __future__ import annotations

import logging
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from runner.chaostoolkit import secrets, setup, values
from runner.faults import registry
from runner.process import run_processes
from runner.rundir import start_message
from runner.undo import crash_recovery


def main() -> None:
    """Exit code 0 when everything was put back, 6 when not."""
    run_processes.ignore_signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    where = Path(sys.argv[1])
    start = start_message.load(where)
    registry.renew(where, start.handed)
    given = registry.environment_of(start.env)
    os.environ.clear()
    os.environ.update(given)
    setup.set_up(Path(start.cwd))
    logging.lastResort = logging.NullHandler()  # Chaos Toolkit's commentary; what a step answered is told by itself
    start = replace(start, configuration=values.recall(start))
    known = {**start.variables, **start.configuration}
    start = replace(start, hide=tuple(secrets.secret_values(start.document, (known, start.secret_variables))))
    sys.exit(0 if crash_recovery.finish(where, start, late=len(sys.argv) > 2) else 6)


if __name__ == "__main__":
    main()
