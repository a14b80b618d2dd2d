"""The PostgreSQL driver against a real PostgreSQL: fewer connections are fewer, are seen, and the limit before is given back."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from runner import errors
from runner.faults import conformance
from runner.faults.conformance import Trial
from runner.faults.driver import Activity, Claim, Setting, State, Where
from runner.faults.kubernetes.driver import Driver as Kubernetes
from runner.faults.postgresql import actions, client
from runner.faults.postgresql.client import Postgres
from runner.faults.postgresql.driver import Driver
from runner.rundir.ledger import UndoRecord
from runner.safety import policy
from tests.faults.test_conformance import NoSecrets
from tests.store.conftest import BINARIES, Server, serving

if TYPE_CHECKING:
    import psycopg

MODULE = "runner.faults.postgresql.actions"
SETTING = Setting(run="20260101-000000-test", secrets=NoSecrets())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    if not BINARIES:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    with serving() as running:
        yield running


@pytest.fixture
def database(server: Server) -> Iterator[Server]:
    """With a role `shop` that may have six connections, and a role `other`."""
    run(server, "CREATE ROLE shop LOGIN CONNECTION LIMIT 6")
    run(server, "CREATE ROLE other LOGIN")
    yield server
    run(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('shop', 'other')")
    for role in ("shop", "gone", "other"):
        run(server, f"DROP ROLE IF EXISTS {role}")


def run(server: Server, words: str) -> None:
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as line:
        line.execute(words)  # type: ignore[arg-type]  # a test's own words


@contextlib.contextmanager
def sessions(server: Server, number: int) -> Iterator[list[psycopg.Connection[Any]]]:
    import psycopg

    with contextlib.ExitStack() as stack:
        url = server.url.replace("chaos@", "shop@")
        yield [stack.enter_context(contextlib.closing(psycopg.connect(url, autocommit=True))) for _ in range(number)]


def activity(server: Server, **arguments: Any) -> Activity:
    given = {"role": "shop", "connections": 3, "database_url": server.url, **arguments}
    provider = {"type": "python", "module": MODULE, "func": "limit_connections", "arguments": given}
    return Activity(name="halve", provider=provider, arguments=given)


def limit(server: Server, role: str) -> int:
    found = Postgres(server.url).role(role)
    assert found
    return int(found["limit"])


def alive(line: psycopg.Connection[Any]) -> bool:
    import psycopg

    try:
        line.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def test_it_conforms_on_a_real_postgresql(database: Server) -> None:
    asked = activity(database)
    trial = Trial(
        setting=SETTING,
        activity=asked,
        act=lambda: actions.limit_connections(**asked.arguments),
        nothing=activity(database, role="typo"),
        others=lambda: run(database, "ALTER ROLE other CONNECTION LIMIT 3"),
        untouched=lambda: limit(database, "other") == 3,
        remove_target=lambda: run(database, "ALTER ROLE shop RENAME TO gone"),
        restore_target=lambda: run(database, "ALTER ROLE gone RENAME TO shop"),
        limit_s=10,
    )
    assert conformance.check(Driver(), trial) == []


def test_the_newest_sessions_end_and_no_more_come_in_until_it_is_undone(database: Server) -> None:
    import psycopg

    system, asked = Driver().open(SETTING), activity(database)
    with sessions(database, 5) as lines:
        target = system.resolve(asked)
        assert target is not None

        actions.limit_connections(**asked.arguments)

        assert [alive(line) for line in lines] == [True] * 3 + [False] * 2
        with pytest.raises(psycopg.OperationalError, match="too many connections"), sessions(database, 1):
            pass
        evidence = system.confirm(asked, target)
        assert evidence.confirmed
        assert evidence.sentence == "the role shop may have 3 connections, and has 3 (5 before)"
        (step,) = target.undo
        assert system.undo(UndoRecord(number=1, kind=step.kind, what=step.what, args=step.args)).state is State.UNDONE
        with sessions(database, 3):
            assert limit(database, "shop") == 6


def test_a_limit_that_somebody_else_has_set_meanwhile_stays(database: Server) -> None:
    system, asked = Driver().open(SETTING), activity(database)
    target = system.resolve(asked)
    assert target is not None
    actions.limit_connections(**asked.arguments)
    run(database, "ALTER ROLE shop CONNECTION LIMIT 2")

    (step,) = target.undo
    assert system.undo(UndoRecord(number=1, kind=step.kind, what=step.what, args=step.args)).state is State.ALREADY
    assert limit(database, "shop") == 2


def test_a_limit_that_nobody_feels_is_no_effect(database: Server) -> None:
    """PostgreSQL takes it, and ends no session for it."""
    system, asked = Driver().open(SETTING), activity(database)
    with sessions(database, 5):
        target = system.resolve(asked)
        assert target is not None
        run(database, "ALTER ROLE shop CONNECTION LIMIT 3")
        found = system.confirm(asked, target)
    assert not found.confirmed
    assert found.sentence == "the role shop may have 3 connections, and has 5 (5 before)"


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        ({"role": "chaos"}, "the role chaos is a superuser: no limit holds it"),
        ({"connections": 6}, "the role shop has a limit of 6 connections already: 6 would be no fewer"),
        ({"connections": 10}, "the role shop has a limit of 6 connections already: 10 would be no fewer"),
        (
            {"role": "other", "connections": 1000},
            "the server takes 100 connections in all: a limit of 1000 for the role other takes none away",
        ),
    ],
)
def test_what_would_take_nothing_away_has_no_target_and_is_refused_before_the_change(
    arguments: Mapping[str, Any], note: str, database: Server
) -> None:
    asked = activity(database, **arguments)
    found = Driver().open(SETTING).resolve(asked)
    assert found is not None
    assert not found.targets
    assert not found.undo
    assert found.note == note
    before = limit(database, asked.arguments["role"])
    with pytest.raises(errors.EnvironmentFailure, match=f"{re.escape(note)}; nothing was changed"):
        actions.limit_connections(**asked.arguments)
    assert limit(database, asked.arguments["role"]) == before


@pytest.mark.parametrize(
    ("before", "share", "left"), [(6, 0.5, 3), (7, 0.5, 3), (20, 0.75, 15), (10, 0.7, 7), (2, 0.1, 1), (-1, 0.5, 50)]
)
def test_a_share_is_of_the_limit_of_the_role_or_without_one_of_what_the_server_takes(
    before: int, share: float, left: int, database: Server
) -> None:
    run(database, f"ALTER ROLE shop CONNECTION LIMIT {before}")
    system, asked = Driver().open(SETTING), activity(database, connections=None, share=share)
    target = system.resolve(asked)
    assert target is not None
    assert target.note == f"{left} connections in the place of {100 if before < 0 else before}"

    assert actions.limit_connections(**asked.arguments)["limit"] == left

    assert limit(database, "shop") == left
    assert system.confirm(asked, target).confirmed
    (step,) = target.undo
    assert system.undo(UndoRecord(number=1, kind=step.kind, what=step.what, args=step.args)).state is State.UNDONE
    assert limit(database, "shop") == before


def test_what_a_share_was_when_the_plan_was_made_is_done_and_undone_whatever_the_limit_is_by_then(
    database: Server,
) -> None:
    system, asked = Driver().open(SETTING), activity(database, connections=None, share=0.5)
    target = system.resolve(asked)
    assert target is not None
    assert target.arguments == {"role": "shop", "connections": 3, "database_url": database.url}
    assert not target.pinned, "nobody has named it"
    run(database, "ALTER ROLE shop CONNECTION LIMIT 12")
    actions.limit_connections(**target.arguments)
    (step,) = target.undo
    assert system.undo(UndoRecord(number=1, kind=step.kind, what=step.what, args=step.args)).state is State.UNDONE
    assert limit(database, "shop") == 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"connections": 3, "share": 0.5}, "takes one of connections"),
        ({}, "takes one of connections"),
        ({"share": 1}, "share is 1, and has to be between 0 and 1"),
        ({"share": "half"}, "share is 'half', and has to be between 0 and 1"),
    ],
)
def test_an_amount_that_is_none_is_told(arguments: Mapping[str, Any], said: str) -> None:
    with pytest.raises(errors.UsageError, match=said):
        actions.limit_connections("shop", database_url="postgresql://127.0.0.1/shop", **arguments)


def test_a_server_that_hangs_is_no_success_of_the_undo(database: Server) -> None:
    args = {"url": database.url, "role": "shop", "ours": 3, "limit": 6}
    with database.hanging():
        outcome = Driver().open(SETTING).undo(UndoRecord(number=1, kind="connection-limit", what="", args=args))
    assert outcome.state is State.FAILED
    assert "chaos-run recover" in str(outcome.error)


def test_a_password_does_not_go_into_files_and_a_wrong_number_is_told(free_port: Callable[[], int]) -> None:
    url = f"postgresql://shop:secret@127.0.0.1:{free_port()}/shop"
    asked = {"role": "shop", "connections": 3, "database_url": url}
    provider = {"type": "python", "module": MODULE, "func": "limit_connections", "arguments": asked}
    with pytest.raises(errors.UsageError, match="PGPASSWORD") as told:
        Driver().open(SETTING).resolve(Activity(name="halve", provider=provider, arguments=asked))
    assert "secret" not in told.value.message
    with pytest.raises(errors.UsageError, match="connections is 0"):
        actions.limit_connections("shop", 0, "postgresql://127.0.0.1/shop")


@pytest.mark.parametrize(
    ("url", "named", "sandbox"),
    [
        ("postgresql://shop@127.0.0.1:5433/shop", "127.0.0.1:5433", True),
        ("postgresql://db.shop/x", "db.shop:5432", False),
    ],
)
def test_its_environment_is_the_server(url: str, named: str, sandbox: bool) -> None:
    provider = {
        "type": "python",
        "module": MODULE,
        "func": "limit_connections",
        "arguments": {"database_url": "${url}"},
    }
    assert Driver().claims(provider) is Claim.YES
    assert Kubernetes().claims(provider) is Claim.NO
    found = Driver().environment(provider, Where(configuration={"url": url}))
    assert (found.name, policy.is_sandbox(found)) == (named, sandbox)


@pytest.mark.parametrize(
    ("url", "env", "where"),
    [
        ("postgresql://chaos@127.0.0.1:5433/shop", {}, "127.0.0.1:5433"),
        ("postgresql:///shop", {}, "localhost:5432"),
        ("postgresql:///shop?host=/var/run/postgresql", {}, "localhost:5432"),
        ("postgresql:///shop?host=db.internal", {}, "db.internal:5432"),
        ("host=db.internal port=6432", {}, "db.internal:6432"),
        ("postgresql://localhost/shop?hostaddr=10.0.0.5", {}, "10.0.0.5:5432"),
        ("postgresql://localhost,db.internal/shop", {}, "localhost,db.internal:5432"),
        ("postgresql:///shop", {"PGHOST": "db.internal", "PGPORT": "6432"}, "db.internal:6432"),
        ("postgresql://localhost/shop", {"PGHOSTADDR": "10.0.0.5"}, "10.0.0.5:5432"),
        ("postgresql://localhost/shop", {"PGHOST": "db.internal"}, "localhost:5432"),
        ("postgresql:///shop", {"PGSERVICE": "live"}, "service live"),
        ("", {"DATABASE_URL": "postgresql:///shop?host=db.internal"}, "db.internal:5432"),
    ],
)
def test_the_policy_is_asked_about_where_libpq_goes(url: str, env: dict[str, str], where: str) -> None:
    asked = {"type": "python", "module": MODULE, "func": "limit_connections", "arguments": {"database_url": url}}
    found = Driver().environment(asked, Where(configuration={}, env=env))
    assert found.name == where
    assert client.place(client.address(url, env)) == where, (
        "and whoever undoes it without this environment asks the same server"
    )


def test_an_address_without_a_value_yet_is_on_no_list() -> None:
    arguments = {"database_url": "${url}"}
    asked = {"type": "python", "module": MODULE, "func": "limit_connections", "arguments": arguments}
    env = {"DATABASE_URL": "postgresql://localhost/shop"}
    assert Driver().environment(asked, Where(configuration={}, env=env)).name == "${url}"


@pytest.mark.parametrize(
    "url", ["postgresql://chaos:x@db/shop", "postgresql://db/shop?password=x", "host=db password=x"]
)
def test_a_password_never_goes_into_a_file(url: str) -> None:
    with pytest.raises(errors.UsageError, match="has a password in it"):
        client.address(url, {})


def test_what_is_no_address_is_told() -> None:
    with pytest.raises(errors.UsageError, match="cannot be read"):
        client.address("db.internal", {})
