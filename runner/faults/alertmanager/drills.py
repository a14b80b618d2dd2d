"""The drill as an alert of its own, `ChaosRunDrill`: for routes and inhibition rules to see, resolved in undo, and proven gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from runner import clock
from runner.faults.alertmanager import client
from runner.faults.alertmanager.client import Alertmanager, Arguments, Unanswered
from runner.faults.driver import Outcome, Residue, Setting
from runner.rundir.ledger import UndoRecord
from runner.timeline.event import DRILL_ALERT

SEEN_S = 2.0
"""How long a new alert may take until it is listed."""


def make(setting: Setting, args: Arguments, seconds: float, why: str) -> str:
    """Raise it, for `seconds` at the most, and see that it is there; why not, in a sentence, or empty.

    `args` has besides: `labels`, the run's id among them, by which it is found again.
    """
    return client.told(lambda: _raise(args, setting, seconds, why))


def end(setting: Setting, args: Arguments, *, hurried: bool) -> Outcome:
    """Resolve the alert of an undo record, whether or not anybody knows that it was raised."""
    return client.put_back("alert", args, setting, _resolve, hurried=hurried)


def left(setting: Setting, records: Sequence[UndoRecord]) -> Residue:
    """The proof that none of the run is left, or which are."""
    return client.left("drill alert", records, setting, lambda there: [_named(a) for a in _firing(there)])


def _raise(args: Arguments, setting: Setting, seconds: float, why: str) -> None:
    with Alertmanager(args, setting) as there:
        _, now = there.listed("alerts")
        alert = {"labels": args["labels"], "annotations": {"summary": why}, "startsAt": now.isoformat(),
                 "endsAt": (now + timedelta(seconds=seconds)).isoformat()}  # fmt: skip
        there.ask("POST", "/alerts", [alert])
        if not clock.poll_until(lambda: _firing(there), SEEN_S, 0.1):
            raise Unanswered(f"{there} took the alert, but does not list it")


def _resolve(there: Alertmanager) -> bool:
    found = client.patiently(lambda: _firing(there))
    if found:
        _, now = there.listed("alerts")
        there.ask("POST", "/alerts", [{"labels": a["labels"], "endsAt": now.isoformat()} for a in found])
    if found and _firing(there):
        raise Unanswered(f"{there} was told that the drill is over, and has its alert still", passing=True)
    return bool(found)


def _firing(there: Alertmanager) -> list[dict[str, Any]]:
    """The run's alerts that go on: one that has ended is listed for a while, its end in the past. Raises Unanswered."""
    found, now = there.listed("alerts")
    ours = [a for a in found if (a.get("labels") or {}).items() >= {"alertname": DRILL_ALERT, "run": there.run}.items()]
    return [a for a in ours if datetime.fromisoformat(str(a["endsAt"])) > now]


def _named(alert: Mapping[str, Any]) -> str:
    return f"the alert {DRILL_ALERT}, until {alert.get('endsAt')},"
