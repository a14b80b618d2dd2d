"""PostgreSQL as a fault system. It ends nothing by itself: the undoer gives a role its limit back, unless somebody has set another."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner import errors
from runner.faults.base import BaseDriver, BaseSystem
from runner.faults.driver import (
    Activity,
    Environment,
    Evidence,
    FaultTarget,
    Outcome,
    Owner,
    Provider,
    Residue,
    Setting,
    State,
    UndoStep,
    Where,
)
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.postgresql.client import Postgres

NAME = "postgresql"
ACTIONS = "runner.faults.postgresql.actions"
LIMIT = "connection-limit"


class Driver(BaseDriver):
    """Roles of servers, each named by its address."""

    name = NAME
    said = "PostgreSQL"
    modules: Collection[str] = (ACTIONS,)
    undoes: Collection[str] = (LIMIT,)
    imports: Collection[str] = ("runner.faults.postgresql.client",)
    sees_residue = True

    def environment(self, provider: Provider, where: Where) -> Environment:
        """`HOST:PORT` of the server; what has no value yet is named as it stands, for it may lead anywhere."""
        from runner.faults.postgresql import client

        named = str((provider.get("arguments") or {}).get("database_url") or "")
        url = re.sub(r"\$\{(\w+)\}", lambda m: str(where.configuration.get(m[1], m[0])), named)
        if "${" in url:
            return Environment(system=self.name, name=url)
        return Environment(system=self.name, name=client.place(client.address(url, where.env)))

    def concerns(self, args: Mapping[str, Any]) -> str:
        return f"role/{args['role']}"

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        return (record.args.get("url"),)

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        return 10.0 * max(1, len(records))

    def open(self, setting: Setting) -> System:
        return System()


class System(BaseSystem):
    """PostgreSQL in one run."""

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """The role, where the limit would hold it; None for what only gives back."""
        if activity.provider.get("module") != ACTIONS or activity.provider.get("func") != "limit_connections":
            return None
        from runner.faults.postgresql import actions, client

        given = activity.arguments
        asked = actions.amount(given.get("connections"), given.get("share"))
        url, role = client.address(str(given.get("database_url") or "")), str(given.get("role") or "")
        target = FaultTarget(action=activity.name, system=NAME, kind=LIMIT, settled=True)
        server = _server(url)
        found = server.role(role)
        if found is None:
            return replace(target, note=f"{server} has no role {role!r}")
        ours = asked.of(found)
        if why := actions.obstacle(role, found, ours):
            return replace(target, note=why)
        target = replace(target, note=f"{ours} connections in the place of {actions.allowed(found)}")
        if asked.share:  # the undo knows our limit by its number: what was counted here is what is done
            fixed = {k: v for k, v in given.items() if k != "share"}
            target = replace(target, arguments={**fixed, "connections": ours})
        return _limited(target, {"url": url, "role": role, "ours": ours, "limit": found["limit"]}, found["sessions"])

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """The limits of the roles that these actions name."""
        mine = [a.before for a in actions if a.system == NAME and a.targets]
        return {"objects": [dict(before) for before in mine]} if mine else {}

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        """By the limit in the catalogue of the server, and by the sessions that are there."""
        known = before.before
        found = _server(known["url"]).role(known["role"])
        if found is None:
            return Evidence(confirmed=False, sentence=f"the role {known['role']} is not there any more")
        confirmed = found["limit"] == known["ours"] and found["sessions"] <= known["ours"]
        now = f"has {found['sessions']} ({known['sessions']} before)"
        sentence = f"the role {known['role']} may have {_said(found['limit'])}, and {now}"
        return Evidence(confirmed=confirmed, sentence=sentence, targets=before.targets if confirmed else ())

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """The limit that it had; one that somebody else has set meanwhile stays."""
        args = record.args
        try:
            server = _server(args["url"])
            found = server.role(args["role"])
            if found is None or found["limit"] != args["ours"]:
                return Outcome(state=State.ALREADY)
            server.limit(args["role"], args["limit"])
        except errors.EnvironmentFailure as problem:
            hint = "PostgreSQL ends nothing by itself: once it answers again, chaos-run recover"
            return Outcome(state=State.FAILED, error=f"{problem.message}; {hint}")
        return Outcome(state=State.UNDONE)

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """Roles that still have our limit; another one than before is somebody else's."""
        known = {(r["url"], r["role"]): r for r in (*(before.get("objects") or ()), *(r.args for r in records))}
        found = Residue()
        for args in known.values():
            found += self._left(args, kept)
        return found

    def _left(self, args: Mapping[str, Any], kept: Kept) -> Residue:
        name, server = f"role/{args['role']}", _server(args["url"])
        try:
            now = server.role(args["role"])
        except errors.EnvironmentFailure as problem:
            return Residue(
                residue=(f"whether the role {args['role']} has its limit back is not known: {problem.message}",)
            )
        said = f"the role {args['role']} may have {_said(now['limit'])}" if now else f"there is no role {args['role']}"
        if now and now["limit"] == args["ours"]:
            stays = kept.names is None or name in kept.names
            return Residue(meant=(said,)) if stays else Residue(residue=(said,))
        changed = now is None or now["limit"] != args["limit"]
        return Residue(others=(said,)) if changed else Residue(cleared=(f"{said} in {server}, as before",))


def _limited(target: FaultTarget, args: Mapping[str, Any], sessions: int) -> FaultTarget:
    """With its undo record, and what its effect is compared with."""
    what = f"let the role {args['role']} have {_said(args['limit'])} again"
    return replace(
        target,
        targets=(f"role/{args['role']}",),
        owner=Owner.UNDOER,
        undo=(UndoStep(kind=LIMIT, what=what, args=args),),
        before={**args, "sessions": sessions},
    )


def _server(url: str) -> Postgres:
    from runner.faults.postgresql.client import Postgres

    return Postgres(url)


def _said(limit: int) -> str:
    return "any number of connections" if limit < 0 else f"{limit} connections"
