"""Actions: what an experiment's file calls to start an experiment of AWS FIS, with plain `chaos run` too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner import clock, errors
from runner.faults import identity
from runner.faults.aws_fis import service
from runner.faults.aws_fis.service import Fis

START_S, EVERY_S = 120.0, 0.5
"""How long FIS may take to resolve its targets and begin; how often it is asked."""


def start_experiment(
    template_id: str,
    tags: Mapping[str, str] | None = None,
    accept_no_stop_condition: bool = False,
    configuration: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Start the template's experiment and wait until FIS says that it runs: its id, state and the ARNs that it hits.

    Raises EnvironmentFailure before anything is started where the template would go on with no target, has no stop condition (unless
    that is accepted), or the account's safety lever is engaged; afterwards where FIS ends it without running it.
    """
    fis = Fis(configuration or {}, secrets or {})
    _check(fis, template_id, accept_no_stop_condition)
    name = identity.name(identity.run_id(), {"template_id": template_id})
    started = fis.start(template_id, {**(tags or {}), service.RUN_TAG: identity.run_id(), service.NAME_TAG: name})
    found = clock.poll_until(
        lambda: fis.experiment(started),
        START_S,
        EVERY_S,
        enough=lambda now: now["state"]["status"] not in ("pending", "initiating"),
    )
    if found["state"]["status"] not in ("running", "completed"):
        raise errors.EnvironmentFailure(f"the FIS experiment {started} does not run: it is {service.reason(found)}")
    return {"id": started, "state": service.reason(found), "targets": list(fis.resolved(started))}


def stop_experiment(
    template_id: str,
    configuration: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
) -> list[str]:
    """Stop what this run started from a template: the ids that were stopped. For the rollbacks of plain `chaos run`."""
    fis = Fis(configuration or {}, secrets or {})
    name = identity.name(identity.run_id(), {"template_id": template_id})
    live = [one for one in fis.named(service.NAME_TAG, name) if fis.experiment(one)["state"]["status"] in service.LIVE]
    for one in live:
        fis.stop(one)
    return live


def _check(fis: Fis, template_id: str, accept_no_stop_condition: bool) -> None:
    template = fis.template(template_id)
    if template is None:
        raise errors.EnvironmentFailure(f"there is no FIS experiment template {template_id!r} in this region")
    if template.skips_empty:
        raise errors.EnvironmentFailure(
            f"the FIS template {template_id} goes on where a target matches nothing",
            hint="set its emptyTargetResolutionMode to fail: an experiment that hits nothing proves nothing",
        )
    if not template.stop_conditions and not accept_no_stop_condition:
        raise errors.EnvironmentFailure(
            f"the FIS template {template_id} has no stop condition: nothing in AWS ends it early",
            hint="give it a CloudWatch alarm, or accept_no_stop_condition: true in the action's arguments",
        )
    if why := fis.engaged():
        raise errors.EnvironmentFailure(f"the FIS safety lever of this account and region is engaged: {why}")
