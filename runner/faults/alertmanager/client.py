"""Alertmanager (API v2) as something that is changed for a run and put back: asked, asked again, and searched for what is left.

Undo records for it are written before the change, so whatever is made in it has to be found again without the id that it gives.
What a server does not do is told in sentences, never raised to the caller of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx

from runner import access, clock, errors
from runner.faults.driver import Outcome, Residue, Setting, State
from runner.rundir.ledger import UndoRecord

Arguments = Mapping[str, Any]
"""Of an undo record: `alertmanager` (URL), `secrets` (a group of the file's, or None), `timeout_s`, `ends` (when it ends by itself,
for people), and what its kind needs besides."""

PATIENCE_S = 8.0
"""How long one attempt at undoing asks again where nobody answers; the player makes three, and once one has failed,
a single short one of each further record."""
SHORT_S = 2.0
"""Of a hurried try: how long a server that has just failed us may take to answer."""
LATE_S = 2.0
"""What was asked for, and whose answer was lost, may still be on its way for so long."""


class Unanswered(Exception):
    """Why an Alertmanager did not do as it was asked; `passing` where it may do so a little later."""

    def __init__(self, said: str, *, passing: bool = False) -> None:
        super().__init__(said)
        self.passing = passing


class Alertmanager:
    """One server, for one run."""

    def __init__(self, args: Arguments, setting: Setting) -> None:
        """Raises Unanswered for secrets that are not there."""
        self.run = setting.run
        self._where = f"the Alertmanager at {args['alertmanager']}"
        self._url = args["alertmanager"].rstrip("/") + "/api/v2"
        try:
            given = setting.secrets.group(args["secrets"]) if args["secrets"] else {}
            self._client = httpx.Client(**access.settings(self._where, given, self._url, args["timeout_s"]))
        except errors.EnvironmentFailure as problem:
            raise Unanswered(problem.message) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def __str__(self) -> str:
        return self._where

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Its answer, when that is a good one. Raises Unanswered."""
        try:
            answer = self._client.request(method, self._url + path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            why = str(problem) or type(problem).__name__
            raise Unanswered(f"{self} cannot be reached: {why}", passing=True) from None
        if not answer.is_success:
            said = f"{self} answers {answer.status_code}{_reason(answer)}"
            raise Unanswered(said, passing=answer.status_code >= 500)
        return answer

    def listed(self, what: str) -> tuple[list[dict[str, Any]], datetime]:
        """All its `silences` or `alerts`, and its own clock, to the second; ours where it does not say. Raises Unanswered."""
        answer = self.ask("GET", f"/{what}")
        found = content(answer)
        if not isinstance(found, list):
            raise Unanswered(f"{self} has no API v2: it lists no {what}")
        try:
            now = parsedate_to_datetime(answer.headers.get("date") or "")
        except ValueError:
            now = datetime.now(UTC)
        return [one for one in found if isinstance(one, dict)], now


def content(answer: httpx.Response) -> Any:
    """Its JSON; None where it is none."""
    try:
        return answer.json()
    except ValueError:
        return None


def readable(setting: Setting, asked: Sequence[Arguments]) -> str:
    """Why one cannot be reached and read, before anything is changed; empty where all can be."""
    return told(lambda: _read(asked, setting))


def told(act: Callable[[], object], patience_s: float = 0.0) -> str:
    """Why it could not be done, tried again for as long as the reason may pass; empty when it was."""
    problem = clock.poll_until(
        lambda: _problem(act), patience_s, 0.5, enough=lambda found: found is None or not found.passing
    )
    return str(problem or "")


def _problem(act: Callable[[], object]) -> Unanswered | None:
    try:
        act()
    except Unanswered as problem:
        return problem
    return None


def put_back(
    what: str, args: Arguments, setting: Setting, end: Callable[[Alertmanager], bool], *, hurried: bool
) -> Outcome:
    """Play an undo record. `end` says whether there was anything to end."""
    ended, patience_s = False, 0.0 if hurried else PATIENCE_S
    if hurried:
        args = {**args, "timeout_s": min(args["timeout_s"], SHORT_S)}

    def act() -> None:
        nonlocal ended
        with Alertmanager(args, setting) as there:
            ended = end(there) or ended

    if error := told(act, patience_s=patience_s):
        hint = f"the {what} ends by itself at {args['ends']}, sooner by: chaos-run recover"
        return Outcome(state=State.FAILED, error=f"{error}; {hint}")
    return Outcome(state=State.UNDONE if ended else State.ALREADY)


def patiently(find: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What is found; where there is nothing, it may be on its way."""
    return clock.poll_until(find, LATE_S, 0.5)


def left(
    what: str, records: Sequence[UndoRecord], setting: Setting, find: Callable[[Alertmanager], list[str]]
) -> Residue:
    """`residue` for each thing of the run that `find` names, `cleared` for each server without any."""
    residue, cleared = list[str](), list[str]()
    for args in {(r.args["alertmanager"], r.args["secrets"]): r.args for r in records}.values():
        where = f"at {args['alertmanager']}"
        try:
            with Alertmanager(args, setting) as there:
                named = find(there)
        except Unanswered as problem:
            residue.append(f"whether a {what} of this run is left {where} is not known: {problem}")
            continue
        residue += [f"{one} is left {where}" for one in named]
        cleared += [] if named else [f"no {what} of this run is left {where}"]
    return Residue(residue=tuple(residue), cleared=tuple(cleared))


def _read(asked: Sequence[Arguments], setting: Setting) -> None:
    for args in asked:
        with Alertmanager(args, setting) as there:
            there.listed("silences")


def _reason(answer: httpx.Response) -> str:
    """What it says of it, in one line."""
    lines = answer.text.strip().splitlines() or [""]
    return f": {lines[0][:200]}" if lines[0] else ""
