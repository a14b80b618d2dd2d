"""Actions on PostgreSQL, for an experiment of `chaos-run` or of plain `chaos run`. The role that connects must be allowed to alter others.

`database_url` is `postgresql://USER@HOST:PORT/NAME`, without it DATABASE_URL; passwords come by PGPASSWORD or ~/.pgpass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner import clock, errors
from runner.faults.postgresql.client import Postgres, address

ENDED_S = 5.0
"""How long sessions may take until they are gone."""


def limit_connections(
    role: str, connections: int | None = None, database_url: str = "", share: float | None = None
) -> dict[str, Any]:
    """Let a role have so many connections and no more, and end its newest sessions beyond them.

    `share` in the place of `connections`: 0.5 leaves it half of its limit, or of what the server takes where it has none.
    """
    asked = amount(connections, share)
    server = Postgres(address(database_url))
    before = server.role(role)
    if before is None:
        raise errors.EnvironmentFailure(f"{server} has no role {role!r}")
    wanted = asked.of(before)
    if why := obstacle(role, before, wanted):
        raise errors.EnvironmentFailure(f"{server}: {why}; nothing was changed")
    server.limit(role, wanted)
    server.end_sessions(role, wanted)
    now = clock.poll_until(
        lambda: server.role(role), ENDED_S, 0.1, enough=lambda found: found and found["sessions"] <= wanted
    )
    if not now or now["limit"] != wanted or now["sessions"] > wanted:
        raise errors.EnvironmentFailure(f"{server} does not hold the role {role!r} at {wanted} connections: {now}")
    return {"role": role, "limit": wanted, "limit_before": before["limit"], "sessions_before": before["sessions"]}


def restore_limit(role: str, connections: int = -1, database_url: str = "") -> bool:
    """The rollback under plain `chaos run`: the limit that the role had before, -1 for none; whether there was anything to do."""
    server = Postgres(address(database_url))
    found = server.role(role)
    if found is None or found["limit"] == connections:
        return False
    server.limit(role, connections)
    return True


@dataclass(frozen=True)
class Amount:
    """How many connections a role is to have: a number, or a share of what it may have now."""

    connections: int = 0
    share: float = 0.0

    def of(self, role: Mapping[str, Any]) -> int:
        """Of a role as it is: at least one, for with none nobody could say that it has too few."""
        if not self.share:
            return self.connections
        return max(1, math.floor(round(allowed(role) * self.share, 6)))


def amount(connections: Any, share: Any) -> Amount:
    """Raises UsageError unless one of the two is given."""
    if (connections is None) == (share is None):
        raise errors.UsageError("limit_connections takes one of connections (a number) and share (0.5 for half)")
    return Amount(connections=_whole(connections)) if share is None else Amount(share=_part(share))


def allowed(role: Mapping[str, Any]) -> int:
    """How many connections a role may have now: its limit, or without one what the server takes."""
    return int(role["server"] if role["limit"] < 0 else role["limit"])


def obstacle(name: str, role: Mapping[str, Any], wanted: int) -> str:
    """Why this limit would take nothing from a role as it is, in a sentence: a fault never gives more than there was."""
    if role["superuser"]:
        return f"the role {name} is a superuser: no limit holds it"
    if wanted < allowed(role):
        return ""
    if role["limit"] < 0:
        return f"the server takes {role['server']} connections in all: a limit of {wanted} for the role {name} takes none away"
    return f"the role {name} has a limit of {role['limit']} connections already: {wanted} would be no fewer"


def _whole(connections: Any) -> int:
    try:
        number = int(connections)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise errors.UsageError(f"connections is {connections!r}, and has to be a whole number from 1 up")
    return number


def _part(share: Any) -> float:
    try:
        number = float(share)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < 1:
        raise errors.UsageError(f"share is {share!r}, and has to be between 0 and 1: 0.5 leaves half")
    return number
