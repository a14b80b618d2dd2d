"""Silences of collateral alerts in an Alertmanager (API v2): made for a run, found again by its id, ended, and proven gone.

Their undo record is written before they are made, so it cannot know the id that Alertmanager gives: a silence of ours is known by
who made it and by the mark in its comment. Nothing here raises for what a server does: it is told in sentences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self

import httpx

from runner import access, errors
from runner.inject import secrets
from runner.inject.folder import HIDDEN
from runner.inject.ledger import SILENCE, Ledger

Arguments = Mapping[str, Any]
"""Of an undo record: `alertmanager` (URL), `secrets` (a group of the file's, or None), `timeout_s`, `number` (of the silence in its
run), `matchers` (as API v2 has them), `said` (the same for people), `ends` (when it ends by itself, for people)."""

BY = "chaos-run"
PATIENCE_S = 8.0
"""How long one attempt at undoing asks again where nobody answers; the player makes three."""
LATE_S = 2.0
"""A silence that was asked for, and whose answer was lost, may still be on its way for so long."""
ACTIVE_S = 2.0
"""How long a new silence may take until it holds."""


class Unanswered(Exception):
    """Why an Alertmanager did not do as it was asked; `passing` where it may do so a little later."""

    def __init__(self, said: str, *, passing: bool = False) -> None:
        super().__init__(said)
        self.passing = passing


class Alertmanager:
    """One server and the silences in it that belong to a run."""

    def __init__(self, args: Arguments, start: Mapping[str, Any]) -> None:
        """Raises Unanswered for secrets that are not there."""
        self._where = f"the Alertmanager at {args['alertmanager']}"
        self._url = args["alertmanager"].rstrip("/") + "/api/v2"
        self._run = start["run"]
        try:
            given = _group(args["secrets"], start)
            self._client = httpx.Client(**access.settings(self._where, given, self._url, args["timeout_s"]))
        except errors.EnvironmentFailure as problem:
            raise Unanswered(problem.message) from None

    def __enter__(self) -> Self:
        return self

    def __str__(self) -> str:
        return self._where

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Its answer, when that is a good one. Raises Unanswered."""
        try:
            answer = self._client.request(method, self._url + path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            why = str(problem) or type(problem).__name__
            raise Unanswered(f"{self._where} cannot be reached: {why}", passing=True) from None
        if not answer.is_success:
            said = f"{self._where} answers {answer.status_code}{_reason(answer)}"
            raise Unanswered(said, passing=answer.status_code >= 500)
        return answer

    def ours(self, number: int | None = None) -> list[dict[str, Any]]:
        """The run's silences, ended ones too; of one `number` or of all. Raises Unanswered."""
        mark = _mark(self._run, number)
        return [s for s in self._all(self.ask("GET", "/silences")) if _by_us(s) and mark in s["comment"]]

    def _all(self, answer: httpx.Response) -> list[dict[str, Any]]:
        found = _json(answer)
        if not isinstance(found, list):
            raise Unanswered(f"{self._where} has no API v2: it lists no silences")
        return [s for s in found if isinstance(s, dict)]

    def now(self) -> datetime:
        """By its own clock, to the second; by ours where it does not say. Raises Unanswered where it lists no silences."""
        answer = self.ask("GET", "/silences")
        self._all(answer)
        try:
            return parsedate_to_datetime(answer.headers.get("date") or "")
        except ValueError:
            return datetime.now(UTC)

    def make(self, body: Any) -> str:
        """The id of a new silence, once it is active with these very matchers. Raises Unanswered."""
        made = _json(self.ask("POST", "/silences", body))
        name = str(made.get("silenceID") if isinstance(made, dict) else "")
        until = time.monotonic() + ACTIVE_S
        while (found := _json(self.ask("GET", f"/silence/{name}"))) and _state(found) != "active":
            if time.monotonic() > until:
                raise Unanswered(f"{self._where} made the silence, but it is {_state(found) or 'in no state'}")
            time.sleep(0.1)
        if _matchers(found) != _matchers(body):
            raise Unanswered(f"{self._where} silenced something else: {found.get('matchers')}")
        return name

    def end(self, name: str) -> None:
        """End a silence; one that is not there any more is what we wanted. Raises Unanswered."""
        try:
            self.ask("DELETE", f"/silence/{name}")
        except Unanswered as problem:
            if "answers 404" not in str(problem):
                raise


def look(start: Mapping[str, Any], asked: list[Arguments]) -> str:
    """Why a silence cannot be made, before anything is changed; empty where all can be reached and read."""
    return _told(lambda: _see(asked, start))


def place(start: Mapping[str, Any], args: Arguments, seconds: float, why: str) -> str:
    """Make one, for `seconds` at the most, and see that it is active; why not, in a sentence, or empty."""
    return _told(lambda: _make(args, start, seconds, why))


def expire(args: Arguments, start: Mapping[str, Any]) -> dict[str, Any]:
    """End the silence of an undo record, whether or not anybody knows that it was made: `{state, error}`."""
    ended = False

    def end() -> None:
        nonlocal ended
        with Alertmanager(args, start) as there:
            ended = _end(there, args["number"])

    error = _told(end, patience_s=PATIENCE_S)
    if error:
        return {
            "state": "failed",
            "error": f"{error}; the silence ends by itself at {args['ends']}, sooner by: chaos-run recover",
        }
    return {"state": "undone" if ended else "already", "error": None}


def left(start: Mapping[str, Any]) -> dict[str, list[str]]:
    """The proof, in sentences: `residue` for each silence of the run that is not over, `cleared` for each Alertmanager without any."""
    found: dict[str, list[str]] = {"residue": [], "cleared": []}
    records = Ledger(Path(start["folder"])).records(SILENCE)
    for args in {(r.args["alertmanager"], r.args["secrets"]): r.args for r in records}.values():
        where = f"at {args['alertmanager']}"
        try:
            with Alertmanager(args, start) as there:
                open_ones = [s for s in there.ours() if _state(s) != "expired"]
        except Unanswered as problem:
            found["residue"].append(f"whether a silence of this run is left {where} is not known: {problem}")
            continue
        found["residue"] += [f"silence {s['id']} is left {where}, until {s['endsAt']}" for s in open_ones]
        found["cleared"] += [] if open_ones else [f"no silence of this run is left {where}"]
    return found


def _told(act: Callable[[], object], patience_s: float = 0.0) -> str:
    """Why it could not be done, tried again for as long as the reason may pass; empty when it was."""
    until = time.monotonic() + patience_s
    while True:
        try:
            act()
        except Unanswered as problem:
            if not problem.passing or time.monotonic() > until:
                return str(problem)
        else:
            return ""
        time.sleep(0.5)


def _see(asked: list[Arguments], start: Mapping[str, Any]) -> None:
    for args in asked:
        with Alertmanager(args, start) as there:
            there.now()


def _make(args: Arguments, start: Mapping[str, Any], seconds: float, why: str) -> None:
    with Alertmanager(args, start) as there:
        now = there.now()
        comment = f"{_mark(start['run'], args['number'])} {why}"
        body = {"matchers": args["matchers"], "startsAt": now.isoformat(), "createdBy": BY, "comment": comment,
                "endsAt": (now + timedelta(seconds=seconds)).isoformat()}  # fmt: skip
        there.make(body)


def _end(there: Alertmanager, number: int) -> bool:
    """Whether there was anything to end. One that nobody has heard of yet may be on its way."""
    until = time.monotonic() + LATE_S
    while not (found := there.ours(number)) and time.monotonic() < until:
        time.sleep(0.5)
    open_ones = [s for s in found if _state(s) != "expired"]
    for silence in open_ones:
        there.end(str(silence["id"]))
    if open_ones and any(_state(s) != "expired" for s in there.ours(number)):
        raise Unanswered(f"{there} was told to end a silence, and has it still")
    return bool(open_ones)


def _group(name: str | None, start: Mapping[str, Any]) -> Mapping[str, Any]:
    """One group of the file's secrets, resolved by itself. Raises Unanswered."""
    if name is None:
        return {}
    document = start["document"]
    alone = {"configuration": document.get("configuration"), "secrets": {name: document["secrets"][name]}}
    try:
        found: Mapping[str, Any] = secrets.resolve(alone, (start["variables"], start["secret_variables"]))[1][name]
    except secrets.troubles() as problem:
        raise Unanswered(f"the secrets {name!r} cannot be resolved here: {problem}") from None
    if HIDDEN in secrets.values(found):
        raise Unanswered(f"the secrets {name!r} are not known here: the experiment's file is gone")
    return found


def _mark(run: str, number: int | None) -> str:
    """In the comment of a silence: whose it is, and which; the beginning that all of a run share where `number` is None."""
    return f"[{BY} {run} #" + ("" if number is None else f"{number}]")


def _by_us(silence: Mapping[str, Any]) -> bool:
    return silence.get("createdBy") == BY and isinstance(silence.get("comment"), str)


def _state(silence: Any) -> str:
    status = silence.get("status") if isinstance(silence, dict) else None
    return str(status.get("state")) if isinstance(status, dict) else ""


def _matchers(silence: Any) -> list[tuple[Any, ...]]:
    keys = ("name", "value", "isRegex", "isEqual")
    found = silence.get("matchers") if isinstance(silence, dict) else None
    return sorted(tuple(m.get(k) for k in keys) for m in found or () if isinstance(m, dict))


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _reason(answer: httpx.Response) -> str:
    """What it says of it, in one line."""
    lines = answer.text.strip().splitlines() or [""]
    return f": {lines[0][:200]}" if lines[0] else ""
