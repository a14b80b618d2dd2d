"""Silences of collateral alerts: made for a run, found again by its id in their comment, ended, and proven gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from runner import clock
from runner.faults.alertmanager import client
from runner.faults.alertmanager.client import Alertmanager, Arguments, Unanswered, content
from runner.faults.driver import Outcome, Residue, Setting
from runner.rundir.ledger import UndoRecord

BY = "chaos-run"
ACTIVE_S = 2.0
"""How long a new silence may take until it holds."""


def make(setting: Setting, args: Arguments, seconds: float, why: str) -> str:
    """Make one, for `seconds` at the most, and see that it is active; why not, in a sentence, or empty.

    `args` has besides: `number` (of the silence in its run), `matchers` (as API v2 has them).
    """
    return client.told(lambda: _make(args, setting, seconds, why))


def end(setting: Setting, args: Arguments, *, hurried: bool) -> Outcome:
    """End the silence of an undo record, whether or not anybody knows that it was made."""
    return client.put_back("silence", args, setting, lambda there: _end(there, args["number"]), hurried=hurried)


def left(setting: Setting, records: Sequence[UndoRecord]) -> Residue:
    """The proof that none of the run is left, or which are."""
    return client.left("silence", records, setting, lambda there: [_named(s) for s in _open(_ours(there))])


def _make(args: Arguments, setting: Setting, seconds: float, why: str) -> None:
    with Alertmanager(args, setting) as there:
        _, now = there.listed("silences")
        comment = f"{_mark(there.run, args['number'])} {why}"
        body = {"matchers": args["matchers"], "startsAt": now.isoformat(), "createdBy": BY, "comment": comment,
                "endsAt": (now + timedelta(seconds=seconds)).isoformat()}  # fmt: skip
        made = content(there.ask("POST", "/silences", body))
        _see(there, str(made.get("silenceID") if isinstance(made, dict) else ""), body)


def _see(there: Alertmanager, name: str, asked: Mapping[str, Any]) -> None:
    """That it is active, with these very matchers. Raises Unanswered."""

    found = clock.poll_until(
        lambda: content(there.ask("GET", f"/silence/{name}")),
        ACTIVE_S,
        0.1,
        enough=lambda found: not found or _state(found) == "active",
    )
    if found and _state(found) != "active":
        raise Unanswered(f"{there} made the silence, but it is {_state(found) or 'in no state'}")
    if _matchers(found) != _matchers(asked):
        raise Unanswered(f"{there} silenced something else than it was asked to")


def _end(there: Alertmanager, number: int) -> bool:
    found = _open(client.patiently(lambda: _ours(there, number)))
    for silence in found:
        try:
            there.ask("DELETE", f"/silence/{silence['id']}")
        except Unanswered as problem:
            if "answers 404" not in str(problem):  # to be rid of what is not there any more is what we wanted
                raise
    if found and _open(_ours(there, number)):
        raise Unanswered(f"{there} was told to end a silence, and has it still")
    return bool(found)


def _ours(there: Alertmanager, number: int | None = None) -> list[dict[str, Any]]:
    """The run's silences, ended ones too; of one `number` or of all. Raises Unanswered."""
    mark = _mark(there.run, number)
    return [s for s in there.listed("silences")[0] if s.get("createdBy") == BY and mark in str(s.get("comment"))]


def _open(silences: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [s for s in silences if _state(s) != "expired"]


def _named(silence: Mapping[str, Any]) -> str:
    return f"silence {silence.get('id')}, until {silence.get('endsAt')},"


def _mark(run: str, number: int | None) -> str:
    """In the comment of a silence: whose it is, and which; the beginning that all of a run share where `number` is None."""
    return f"[{BY} {run} #" + ("" if number is None else f"{number}]")


def _state(silence: Any) -> str:
    status = silence.get("status") if isinstance(silence, dict) else None
    return str(status.get("state")) if isinstance(status, dict) else ""


def _matchers(silence: Any) -> list[tuple[Any, ...]]:
    keys = ("name", "value", "isRegex", "isEqual")
    found = silence.get("matchers") if isinstance(silence, dict) else None
    return sorted(tuple(m.get(k) for k in keys) for m in found or () if isinstance(m, dict))
