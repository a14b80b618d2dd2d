"""A run as its fault systems see it, from the start message that undoer and replay have."""

from __future__ import annotations

from runner.chaostoolkit.values import RunSecrets
from runner.experiment import tree
from runner.faults import host
from runner.faults.driver import Setting
from runner.rundir.start_message import StartMessage


def of(start: StartMessage) -> Setting:
    """The same in every process."""
    written = (*(start.document.get("method") or ()), *(start.document.get("rollbacks") or ()))
    acting = [activity for activity in written if activity.get("type") == "action"]
    return Setting(
        run=start.run,
        secrets=RunSecrets(start),
        configuration={**start.variables, **start.configuration},
        context=start.context,
        namespace=start.namespace,
        server=start.handed.get("server", ""),
        seed=start.seed,
        programs=any(map(host.runs_anything, tree.providers(acting))),
    )
