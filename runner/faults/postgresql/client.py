"""What is asked of a PostgreSQL server, each time over a connection of its own: limits of roles, and their sessions."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from runner import errors

if TYPE_CHECKING:
    import psycopg

VARIABLE = "DATABASE_URL"
_VARIABLES = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "service": "PGSERVICE"}
"""What decides where a connection goes unless the address does."""
_INSTALL = "pip install 'chaos-run[postgres]'"
CONNECT_S = 4
QUERY_MS = 4000


def address(url: str, env: Mapping[str, str] = os.environ) -> str:
    """Of the server: what is given, else DATABASE_URL; with the host and the port written out that the environment decides (PGHOST and its
    like), so that whoever undoes it elsewhere asks the same one. Raises UsageError where it holds a password, for it goes into files.
    """
    found = url or env.get(VARIABLE, "")
    if not found:
        raise errors.UsageError("there is no database: the argument database_url, or DATABASE_URL")
    parts = _parts(found)
    if parts.get("password"):
        raise errors.UsageError(
            "the address of the database has a password in it: PGPASSWORD or ~/.pgpass is the place for it"
        )
    decided = {word: env[variable] for word, variable in _VARIABLES.items() if word not in parts and env.get(variable)}
    if "hostaddr" in parts:
        decided.pop("host", None)
    if not decided:
        return found
    from psycopg import conninfo

    return conninfo.make_conninfo(found, **decided)


def place(address: str) -> str:
    """`HOST:PORT` of where libpq connects to: an address given beside a host's name decides, a socket is this machine's own.

    Of a connection service file only its name is known: `service NAME`. Raises UsageError for what is no address.
    """
    parts = _parts(address)
    if "service" in parts:
        return f"service {parts['service']}"
    host = parts.get("hostaddr") or parts.get("host") or "localhost"
    local = all(one.startswith(("/", "@")) for one in host.split(","))
    return f"{'localhost' if local else host}:{parts.get('port', '').strip(',') or 5432}"


def _parts(address: str) -> dict[str, str]:
    """By libpq's own reading, whose words can stand in the path, the query, or alone: `postgresql:///shop?host=db` leads to db."""
    try:
        from psycopg import ProgrammingError, conninfo
    except ImportError:
        raise errors.EnvironmentFailure("psycopg is not installed", hint=_INSTALL) from None
    try:
        return {word: str(value) for word, value in conninfo.conninfo_to_dict(address).items() if value}
    except ProgrammingError as problem:
        raise errors.UsageError(
            f"the address of the database cannot be read: {' '.join(str(problem).split())}"
        ) from None


class Postgres:
    """One server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __str__(self) -> str:
        return f"PostgreSQL at {place(self.url)}"

    def role(self, name: str) -> dict[str, Any] | None:
        """Its `limit` (-1: none), whether it is `superuser`, how many `sessions` it has, and how many the `server` takes of all roles
        together; None where there is none of that name."""
        asked = (
            "SELECT rolconnlimit, rolsuper, (SELECT count(*) FROM pg_stat_activity WHERE usename = rolname"
            " AND backend_type = 'client backend'), current_setting('max_connections')::int FROM pg_roles WHERE rolname = %s"
        )
        with self._open() as line:
            found = line.execute(asked, [name]).fetchone()
        return None if found is None else dict(zip(("limit", "superuser", "sessions", "server"), found, strict=True))

    def limit(self, name: str, connections: int) -> None:
        """-1: none."""
        from psycopg import sql

        words = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
        with self._open() as line:
            line.execute(words.format(sql.Identifier(name), sql.Literal(connections)))

    def end_sessions(self, name: str, keep: int) -> int:
        """End the newest beyond those that are kept; how many."""
        newest = (
            "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE usename = %s"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY backend_start OFFSET %s) AS newest"
        )
        with self._open() as line:
            found = line.execute(newest, [name, keep]).fetchone()
        return int(found[0]) if found else 0

    @contextlib.contextmanager
    def _open(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Raises EnvironmentFailure, with the server's words."""
        try:
            import psycopg
        except ImportError:
            raise errors.EnvironmentFailure("psycopg is not installed", hint=_INSTALL) from None
        options = f"-c statement_timeout={QUERY_MS} -c lock_timeout={QUERY_MS}"
        try:
            with psycopg.connect(
                self.url, autocommit=True, connect_timeout=CONNECT_S, options=options, application_name="chaos-run"
            ) as line:
                yield line
        except psycopg.Error as problem:
            said = " ".join(str(problem).split()) or type(problem).__name__
            raise errors.EnvironmentFailure(f"{self}: {said[:300]}") from None
