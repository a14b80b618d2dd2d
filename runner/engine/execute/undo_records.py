"""The undo records of a run, on disk before its first change; those of silences and drills are written before by `silencing.py`."""

from __future__ import annotations

from runner.engine.preflight.admission import Targets
from runner.engine.run_context import RunContext
from runner.rundir.ledger import ROLLBACK, Ledger


def write_undo_records(context: RunContext, targets: Targets) -> None:
    """Every one before the first change: ours first, so that the file's own rollbacks are played before them.

    None where the file wants none: a dry run changes nothing, and some rollbacks are never played.
    """
    experiment, ledger = context.experiment, Ledger(context.session.folder)
    if not experiment.runtime.acts or experiment.runtime.rollbacks == "never":
        return
    for step in (step for found in targets.actions for step in found.undo):
        ledger.open(step.kind, step.what, **step.args)
    for index, rollback in reversed(list(enumerate(experiment.rollbacks))):
        name = str(rollback.get("name") or rollback.get("ref"))
        if foreign := targets.inspection.withheld.get(str(index)):
            context.session.find("warning", f"the rollback {name!r} is skipped: {foreign}")
        else:
            ledger.open(ROLLBACK, name, index=index)
