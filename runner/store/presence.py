"""Presence: the runs that are live on a shared record, the targets they hold, and what people on other machines tell them.

All moments are the database's own: the clocks of two machines may differ by more than a heartbeat.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runner.store.database import Database, Writer

LASTS_S = 60.0
"""How long a run that has gone silent still counts as the holder of its targets."""
KEPT_S = 7 * 86400.0
"""How long a message is kept, and a run that never left: nobody waits for an answer that long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedRun:
    """A run that is, or was, at work on some machine."""

    run: str
    host: str
    person: str
    since: datetime
    silent_s: float
    """Since it was heard of last."""

    @property
    def lost(self) -> bool:
        """Whether it has been silent for so long that others may take its targets."""
        return self.silent_s > LASTS_S

    def __str__(self) -> str:
        return f"{self.run} of {self.person} on {self.host}"

    @property
    def holding(self) -> str:
        """For whoever was refused: who it is, since when, and until when its silence counts."""
        return f"run {self} since {self.since:%Y-%m-%d %H:%M:%S} UTC, {self.heard}; its locks expire after {LASTS_S:.0f} s of silence"

    @property
    def heard(self) -> str:
        """When it was heard of last."""
        if self.silent_s == float("inf"):
            return "never seen alive"
        return f"last seen alive {self.silent_s:.0f} s ago" if self.silent_s >= 1 else "last seen alive just now"


class Held(Exception):
    """Somebody else has a target."""

    def __init__(self, scope: str, holder: SharedRun) -> None:
        super().__init__(scope, holder)
        self.scope = scope
        self.holder = holder


class Presence:
    """One database's live runs; every call is one transaction and raises EnvironmentFailure."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = database.now

    def appear(self, run: str, host: str, person: str) -> None:
        """From here on others see the run, and can tell it something."""
        with self._database.write() as writer:
            self._appear(writer, run, host, person)
            for table, moment in (("messages", "sent"), ("live_runs", "renewed")):
                writer.execute(f"DELETE FROM {table} WHERE {moment} < {self._now} - :kept", {"kept": KEPT_S})

    def claim(self, run: str, scopes: Sequence[str], dead: Collection[str] = ()) -> list[SharedRun]:
        """Take targets for a run that has appeared, all or none; from whom: runs silent for too long, or known to be `dead`.

        Raises Held.
        """
        with self._database.write() as writer:
            taken = [
                self._take(writer, run, scope, dead) for scope in sorted(scopes)
            ]  # in one order, against deadlocks
        return list(dict.fromkeys(holder for holder in taken if holder is not None))

    def renew(self, run: str, host: str, person: str, scopes: Sequence[str]) -> None:
        """Say that the run is alive, and still holds its targets. Raises Held when one was lost to somebody else."""
        with self._database.write() as writer:
            for scope in sorted(scopes):  # the locks first: whoever takes one over looks at the heartbeat after it
                self._keep(writer, run, scope)
            self._appear(writer, run, host, person)

    def release(self, run: str) -> None:
        """Let go of its targets."""
        with self._database.write() as writer:
            writer.execute("DELETE FROM locks WHERE run = :run", {"run": run})

    def leave(self, run: str, last_words: Mapping[str, Any] | None = None) -> None:
        """The run is over, with a `sentence` for whoever asks what became of it; without one only a verdict can tell."""
        with self._database.write() as writer:
            for table in ("locks", "live_runs"):
                writer.execute(f"DELETE FROM {table} WHERE run = :run", {"run": run})
            if last_words is not None:
                writer.execute(
                    "INSERT INTO messages (id, run, sent, body, heard)"
                    f" VALUES (:id, :run, {self._now}, :body, {self._now}) ON CONFLICT DO NOTHING",
                    {"id": _last_word(run), "run": run, "body": json.dumps(dict(last_words), ensure_ascii=False)},
                )

    def last_words(self, run: str) -> Mapping[str, Any] | None:
        """What a run left behind as it went, `{sentence}`; None where it left nothing, or is still there."""
        found = self._database.tuples("SELECT body FROM messages WHERE id = :id", {"id": _last_word(run)})
        return next((message for (body,) in found if (message := _message(body)) is not None), None)

    def live(self) -> list[SharedRun]:
        """Every run that is at work, or has gone silent without leaving, by id."""
        sql = f"SELECT run, host, person, began, {self._now} - renewed AS silent FROM live_runs ORDER BY run"
        return [_live(row) for row in self._database.read(sql, {})]

    def tell(self, run: str, message: Mapping[str, Any], said_s: float) -> str:
        """Leave a message for a run, said so many seconds ago; the message's id."""
        number = os.urandom(8).hex()
        given = {"id": number, "run": run, "body": json.dumps(dict(message), ensure_ascii=False), "said": said_s}
        with self._database.write() as writer:
            writer.execute(
                f"INSERT INTO messages (id, run, sent, body) VALUES (:id, :run, {self._now} - :said, :body)", given
            )
        return number

    def heard(self, message: str) -> bool:
        """Whether the run has taken a message."""
        sql = "SELECT 1 FROM messages WHERE id = :id AND heard IS NOT NULL"
        return bool(self._database.tuples(sql, {"id": message}))

    def hear(self, run: str) -> dict[str, dict[str, Any]]:
        """By its id each message that the run has not acknowledged yet, with when it was said on this machine's monotonic clock.

        One that is no object is left out.
        """
        sql = f"SELECT id, body, {self._now} - sent FROM messages WHERE run = :run AND heard IS NULL ORDER BY sent, id"
        found = self._database.tuples(sql, {"run": run})
        now = time.monotonic_ns()
        told = ((number, _message(body), now - round(ago * 1e9)) for number, body, ago in found)
        return {number: message | {"mono_ns": said_ns} for number, message, said_ns in told if message is not None}

    def acknowledge(self, messages: Collection[str]) -> None:
        """The run has taken these messages."""
        with self._database.write() as writer:
            for number in messages:
                writer.execute(f"UPDATE messages SET heard = {self._now} WHERE id = :id", {"id": number})

    def _appear(self, writer: Writer, run: str, host: str, person: str) -> None:
        writer.execute(
            f"INSERT INTO live_runs (run, host, person, began, renewed) VALUES (:run, :host, :person, {self._now}, {self._now})"
            " ON CONFLICT (run) DO UPDATE SET renewed = excluded.renewed",
            {"run": run, "host": host, "person": person},
        )

    def _take(self, writer: Writer, run: str, scope: str, dead: Collection[str]) -> SharedRun | None:
        holder = self._holder(writer, run, scope)
        if holder is None:
            return None
        if not holder.lost and holder.run not in dead:
            raise Held(scope, holder)
        writer.execute("UPDATE locks SET run = :run WHERE scope = :scope", {"run": run, "scope": scope})
        return holder

    def _keep(self, writer: Writer, run: str, scope: str) -> None:
        if (holder := self._holder(writer, run, scope)) is not None:
            raise Held(scope, holder)

    def _holder(self, writer: Writer, run: str, scope: str) -> SharedRun | None:
        """Take a free target; None, or who else has it. Whoever asks has its row until the end of the transaction."""
        key = {"scope": scope, "run": run}
        writer.execute("INSERT INTO locks (scope, run) VALUES (:scope, :run) ON CONFLICT DO NOTHING", key)
        writer.execute("UPDATE locks SET run = run WHERE scope = :scope", key)
        sql = (
            f"SELECT l.run, r.host, r.person, r.began, {self._now} - r.renewed AS silent FROM locks l"
            " LEFT JOIN live_runs r ON r.run = l.run WHERE l.scope = :scope AND l.run <> :run"
        )
        found = writer.execute(sql, key).mappings().first()
        return _live(found) if found else None


def _last_word(run: str) -> str:
    """The id of the message that a run leaves for those who ask after it."""
    return f"untouched {run}"


def _message(body: str) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError):
        message = json.loads(body)
        return message if isinstance(message, dict) else None
    return None


def _live(row: Mapping[str, Any]) -> SharedRun:
    known = row["began"] is not None
    return SharedRun(
        run=row["run"],
        host=row["host"] if known else "an unknown machine",
        person=row["person"] if known else "somebody",
        since=datetime.fromtimestamp(float(row["began"]) if known else 0, UTC),
        silent_s=max(0.0, float(row["silent"])) if known else float("inf"),
    )
