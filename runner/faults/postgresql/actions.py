"""Actions on PostgreSQL, for an experiment of `chaos-run` or of plain `chaos run`. The role that connects must be allowed to alter others.

`database_url` is `postgresql://USER@HOST:PORT/NAME`, without it DATABASE_URL; passwords come by PGPASSWORD or ~/.pgpass.
"""

from __future__ import annotations

from typing import Any

from runner import clock, errors
from runner.faults.postgresql.client import Postgres, address

ENDED_S = 5.0
"""How long sessions may take until they are gone."""


def limit_connections(role: str, connections: int, database_url: str = "") -> dict[str, Any]:
    """Let a role have so many connections and no more, and end its newest sessions beyond them."""
    wanted = whole(connections)
    server = Postgres(address(database_url))
    before = server.role(role)
    if before is None:
        raise errors.EnvironmentFailure(f"{server} has no role {role!r}")
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


def whole(connections: Any) -> int:
    """Raises UsageError."""
    try:
        number = int(connections)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise errors.UsageError(f"connections is {connections!r}, and has to be a whole number from 1 up")
    return number
