"""The two doors to the database: SQLAlchemy Core for what writes and for every server, the plain driver for quick reads of a file.

Both take the same SQL with named parameters. The second door is there because importing SQLAlchemy costs 0.65 s on a small
machine, and reading the history must not.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import clock, errors
from runner.store import migrations
from runner.store.problems import explained, newer

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

BUSY_S = 10.0
"""How long we wait for another process's write: a file's, or a server's locks."""
STATEMENT_S = 60
"""How long a server may take for one statement, but for those of a migration."""
CONNECT_S = 10
"""A server that does not answer for so long is not there: the end of a run must not wait for it."""
_MIGRATION_LOCK = 4_742_651_318  # any number: whoever migrates this schema takes the same one


class Database:
    """One open database; `read` and `write` are the only ways to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._path = _sqlite_path(url)
        self._engine: Engine | None = None
        self._reader: sqlite3.Connection | None = None

    @property
    def now(self) -> str:
        """The database's own clock in SQL, as Unix seconds. SQLite's is that of the machine that asks."""
        return "((julianday('now') - 2440587.5) * 86400.0)" if self._path else "extract(epoch FROM clock_timestamp())"

    def prepare(self, rebuild: Callable[[migrations.Execute], None]) -> None:
        """Bring the schema up to date; safe when several processes do so at once. `rebuild` makes anew what is reckoned from the
        runs, by today's code, in the transaction of the steps: other figures than the schema's are never seen. Raises EnvironmentFailure.
        """
        with explained(self.url):
            if self._version_of_file() != migrations.NEWEST:
                self._migrate(rebuild)

    def read(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a SELECT as dicts."""
        with explained(self.url):
            if self._path:
                return [dict(row) for row in self._file().execute(sql, dict(parameters))]
            from sqlalchemy import text

            with self._opened().connect() as connection:
                return [dict(row) for row in connection.execute(text(sql), dict(parameters)).mappings()]

    def tuples(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The same as plain tuples: for very many rows."""
        with explained(self.url):
            if self._path:
                cursor = self._file().cursor()
                cursor.row_factory = None
                return cursor.execute(sql, dict(parameters)).fetchall()
            from sqlalchemy import text

            with self._opened().connect() as connection:
                return [tuple(row) for row in connection.execute(text(sql), dict(parameters))]

    @contextlib.contextmanager
    def write(self) -> Iterator[Writer]:
        """One transaction: all of it or nothing, on disk when the block is over."""
        with explained(self.url), self._opened().begin() as connection:
            yield Writer(connection)

    def close(self) -> None:
        if self._reader:
            self._reader.close()
        if self._engine:
            self._engine.dispose()

    def _file(self) -> sqlite3.Connection:
        if self._reader is None:
            self._reader = sqlite3.connect(
                _reading(Path(str(self._path))), uri=True, timeout=BUSY_S, isolation_level=None
            )
            self._reader.row_factory = sqlite3.Row
            self._reader.execute("PRAGMA query_only = ON")
        return self._reader

    def _version_of_file(self) -> int | None:
        """The schema's version without SQLAlchemy; None when only the long way can tell."""
        if not self._path or not self._path.exists():
            return None
        with contextlib.suppress(sqlite3.OperationalError):
            version: int | None = self._file().execute(migrations.CURRENT).fetchone()["version"]
            if version and version > migrations.NEWEST:
                raise newer(self.url, version, migrations.NEWEST)
            return version
        return None

    def _migrate(self, rebuild: Callable[[migrations.Execute], None]) -> None:
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._opened().begin() as connection:
            writer = Writer(connection)
            if connection.dialect.name == "postgresql":
                writer.execute("SELECT pg_advisory_xact_lock(:key)", {"key": _MIGRATION_LOCK})
            writer.execute(migrations.VERSIONS, {})
            version: int = writer.execute(migrations.CURRENT, {}).scalar() or 0
            if version > migrations.NEWEST:
                raise newer(self.url, version, migrations.NEWEST)
            if connection.dialect.name == "postgresql" and version < migrations.NEWEST:
                writer.execute("SET LOCAL statement_timeout = 0", {})
            if version < migrations.NEWEST:
                migrations.migrate(writer.execute, version, clock.rfc3339(datetime.now(UTC)))
                rebuild(writer.execute)

    def _opened(self) -> Engine:
        if self._engine is None:
            self._engine = _sqlite_engine(self.url) if self._path else _server_engine(self.url)
        return self._engine


class Writer:
    """Executes statements within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
        """Run one statement, for one set of named parameters or for each of a list."""
        from sqlalchemy import text

        return self._connection.execute(text(sql), parameters)


def _sqlite_path(url: str) -> Path | None:
    if not url.startswith("sqlite"):
        return None
    path = url.partition(":///")[2].partition("?")[0]
    if not path or path == ":memory:":
        raise errors.UsageError(
            f"the store {url} names no file", hint="write sqlite:////absolute/path/record.db, or just the path"
        )
    return Path(path).absolute()


def _reading(path: Path) -> str:
    """How to open a file to read: where nothing may be written there, and nobody does, without the files that SQLite would make."""
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return f"{path.as_uri()}?mode=rw"
    in_use = path.with_name(f"{path.name}-shm").exists()
    return f"{path.as_uri()}?mode=ro" + ("" if in_use else "&immutable=1")


def _server_engine(url: str) -> Engine:
    import sqlalchemy
    from sqlalchemy import event

    scheme, separator, rest = url.partition("://")
    driver = "postgresql+psycopg" if scheme in ("postgres", "postgresql") else scheme
    quick = {"connect_timeout": CONNECT_S, "keepalives_idle": CONNECT_S, "tcp_user_timeout": CONNECT_S * 1000}
    ours = "psycopg" in driver
    engine = sqlalchemy.create_engine(
        f"{driver}{separator}{rest}", pool_pre_ping=True, connect_args=quick if ours else {}
    )
    if ours:
        event.listen(engine, "connect", _limit)
    return engine


def _limit(connection: Any, _: object) -> None:
    """Somebody else's lock must not hold up the end of a run. Not as `options` when connecting: those are the URL's."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {round(BUSY_S * 1000)}")
        cursor.execute(f"SET statement_timeout = {STATEMENT_S * 1000}")
    connection.commit()  # else the first rollback would take them back


def _sqlite_engine(url: str) -> Engine:
    """SQLite with durable commits; every transaction takes the write lock at its beginning, so none fails half-way."""
    import sqlalchemy
    from sqlalchemy import event

    engine = sqlalchemy.create_engine(url, connect_args={"timeout": BUSY_S}, poolclass=sqlalchemy.NullPool)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would come too late
        _journal(connection)
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _journal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; on a new file two processes may want that at once, and the busy timeout does not cover it."""

    def attempt() -> sqlite3.OperationalError | None:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as problem:
            return problem
        return None

    problem = clock.poll_until(attempt, BUSY_S, enough=lambda found: found is None or "locked" not in str(found))
    if problem is not None:
        raise problem
