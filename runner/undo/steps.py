"""How each kind of undo record is played: idempotent, and it says whether there was anything to do."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from chaoslib.activity import execute_activity
from chaoslib.caching import cache_activities
from chaoslib.exceptions import InterruptExecution
from chaoslib.types import Dry

from runner import error_text
from runner.chaostoolkit import control_hooks, values
from runner.experiment import variables
from runner.faults import registry
from runner.rundir.ledger import ROLLBACK, UndoRecord
from runner.rundir.start_message import StartMessage
from runner.timeline.vocabulary import UndoState
from runner.undo import setting

Outcome = dict[str, Any]
"""`{state: undone | already | failed, error, run}`; `run` is Chaos Toolkit's own account of a declared rollback."""

DEADLINE_S = 60.0
"""How long one step may take, unless its activity names a timeout of its own."""


def play(record: UndoRecord, start: StartMessage, *, hurried: bool = False) -> Outcome:
    """Play one record against the world. Raises whatever the world answers; the caller notes it and goes on.

    `hurried`: its server has just failed another record.
    """
    if record.kind == ROLLBACK:
        return _rollback(record.args, start)
    driver = registry.playing(record.kind)
    if driver is None:
        return {"state": UndoState.FAILED, "error": f"no installed fault driver undoes {record.kind!r}"}
    return asdict(driver.open(setting.of(start)).undo(record, hurried=hurried))


def deadline(record: UndoRecord, start: StartMessage) -> float:
    """Seconds that a step may take before it is given up."""
    if record.kind != ROLLBACK:
        return DEADLINE_S
    known = {**start.variables, **start.configuration}
    activity = variables.substitute(start.document["rollbacks"][record.args["index"]], known)
    asked = activity.get("timeout") or (activity.get("provider") or {}).get("timeout")
    pauses = sum(float(v) for v in (activity.get("pauses") or {}).values() if isinstance(v, int | float))
    return (float(asked) + 5 if isinstance(asked, int | float) else DEADLINE_S) + pauses


def _rollback(args: Mapping[str, Any], start: StartMessage) -> Outcome:
    document = start.document
    activity = document["rollbacks"][args["index"]]
    reduced = _needed(document, activity)
    known = values.of(start, reduced)
    if missing := values.missing_values(reduced, known, activity):
        return {"state": UndoState.FAILED, "error": "; ".join(missing)}
    cache_activities(document)
    control_hooks.load(start.settings)
    stopped: list[str] = []
    control_hooks.hear(
        lambda heard: stopped.append(f"stopped by the control {heard.name!r}: {heard.why}") if heard.stops else None
    )
    with contextlib.suppress(InterruptExecution):
        return _executed(document, activity, known, start)
    return {"state": UndoState.FAILED, "error": stopped[0] if stopped else "interrupted"}


def _executed(
    document: Mapping[str, Any], activity: Mapping[str, Any], known: values.Values, start: StartMessage
) -> Outcome:
    run = execute_activity(document, activity, known.configuration, known.secrets, dry=Dry.from_string(start.dry))
    error = _why_failed(run)
    return {"state": UndoState.FAILED if error else "undone", "error": error, "run": run}


def _needed(document: Mapping[str, Any], activity: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document, without secrets if the activity uses none: a vault that hangs, or a variable that is not set where
    somebody recovers, is not in the way of an undo."""
    names = set(re.findall(r"\$\{?(\w+)", json.dumps(activity, default=str))) - set(document.get("configuration") or {})
    provider = activity.get("provider") or {}
    if names or provider.get("secrets") or "ref" in activity or "controls" in activity or document.get("controls"):
        return document
    return {**document, "secrets": {}}


def _why_failed(run: Mapping[str, Any]) -> str | None:
    if run.get("status") != "succeeded":
        return error_text.of_account(run.get("exception")) or "it did not succeed and did not say why"
    output = run.get("output")
    if output is False:  # several extensions report a failed removal like this
        return "it answered False"
    if isinstance(output, Mapping) and "stdout" not in output and output.get("status") in (404, 410):
        return None  # to be rid of what is not there any more is what we wanted
    return error_text.of_answer(output) or None
