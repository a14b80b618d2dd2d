"""Repeated: what is not as it was in the run that this one repeats, and whether that is still the same place."""

from __future__ import annotations

from dataclasses import replace

from runner.engine.machine import machine
from runner.engine.options import Options
from runner.engine.session import Session
from runner.experiment.experiment import Experiment
from runner.plan.plan import Plan
from runner.timeline import conditions
from runner.timeline.conditions import Change, Conditions
from runner.timeline.event import Name

MOST = 8
"""More differences than these are told as a number."""


def compared(options: Options, experiment: Experiment, struck: str, drawn: Plan) -> Plan:
    """The plan, at the context `struck`, with what differs from the earlier run; refused at another one that nobody named."""
    earlier = options.repeats
    if earlier is None:
        return drawn
    now = _conditions(options, experiment, struck or "none", drawn)
    changes = [*conditions.changes(earlier.conditions, now)]
    if earlier.document is not None:
        contents = conditions.document_changes(earlier.document, experiment.document)
        changes = [*contents, *(c for c in changes if c.what != conditions.CONTENTS)]
    if len(changes) > MOST:
        more = Change(what="and besides", before="", after=f"{len(changes) - MOST + 1} more differences")
        changes = [*changes[: MOST - 1], more]
    there = earlier.conditions.context
    elsewhere = not earlier.asked_elsewhere and there and there != now.context
    refusal = f"the run {earlier.run} struck {there}, and this one would strike {now.context}: say so with --context"
    refusals = (*drawn.refusals, *((refusal,) if elsewhere else ()))
    return replace(drawn, repeats=earlier.run, differs=tuple(changes), refusals=refusals)


def tell(session: Session, drawn: Plan) -> None:
    """Before anything is changed, a line each."""
    if not drawn.repeats:
        return
    for change in drawn.differs:
        session.tell(Name.DIFFERS, repeats=drawn.repeats, what=change.what, before=change.before, after=change.after)
    if not drawn.differs:
        session.find("info", f"repeats {drawn.repeats}: nothing is known to differ")


def _conditions(options: Options, experiment: Experiment, struck: str, drawn: Plan) -> Conditions:
    return Conditions(
        file=experiment.path,
        digest=drawn.digest,
        service=experiment.block.service,
        context=struck,
        environment=drawn.environment,
        host=machine()["host"],
        versions=conditions.versions(machine()),
        guards=drawn.guards,
        targets=tuple(t for step in drawn.steps for t in step.targets),
        variables=experiment.configuration,
        labels=options.labels,
        seed=options.seed,
    )
