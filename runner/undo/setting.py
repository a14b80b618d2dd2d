"""A run as its fault systems see it, from the start message that undoer and replay have."""

from __future__ import annotations

from runner.chaostoolkit.values import RunSecrets
from runner.faults.driver import Setting
from runner.rundir.start_message import StartMessage


def of(start: StartMessage) -> Setting:
    """The same in every process."""
    return Setting(
        run=start.run,
        secrets=RunSecrets(start),
        configuration={**start.variables, **start.configuration},
        context=start.context,
        namespace=start.namespace,
        server=start.handed.get("server", ""),
        seed=start.seed,
    )
