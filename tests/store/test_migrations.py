"""A record of every older schema is brought up to date: its runs are there, and its figures are those of the runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runner.rundir import paths
from runner.store import Store, migrations
from runner.store.aggregates import Count
from runner.store.database import Database
from tests.store import old_records
from tests.store.samples import record

FIRST = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
OLDER = range(1, migrations.NEWEST)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    where = tmp_path / "record.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    return paths.store_url(str(where))


def test_every_older_schema_is_among_the_old_records() -> None:
    """With a new step comes the record as the version before it left it."""
    assert migrations.NEWEST == old_records.NEWEST + 1


@pytest.mark.parametrize("version", OLDER)
def test_an_older_record_keeps_its_runs_and_its_figures_are_right(url: str, version: int) -> None:
    old_records.make(url, version)
    with Store.open(url) as store:
        assert [run.run for run in store.list()] == ["r4", "r3", "r2", "r1"]
        assert store.get("r1").ttr_s == 4.0
        assert {d.title: (d.runs, d.ttd.durations, d.ttr.durations, d.ttr.latest()) for d in store.distributions()} == {
            "check on shop": (1, ([], []), ([], []), []),
            "drain on shop": (1, ([], []), ([], []), []),
            "kill on shop": (2, ([1.5, 2.5], []), ([4.0], [9.0]), [(4.0, False), (9.0, True)]),
        }
        assert store.tested() == [
            ("shop", "kill", FIRST + timedelta(days=1)),
            ("shop", "drain", FIRST + timedelta(days=2)),
        ]
        quarter = store.period(FIRST, FIRST + timedelta(days=90))
        assert (quarter.runs, quarter.weaknesses) == (3, ("drain on shop",))
        assert quarter.good == Count(k=1980, n=2000)
        assert quarter.objectives == Count(k=2, n=4, undecided=1)


@pytest.mark.parametrize("version", OLDER)
def test_an_older_record_takes_new_runs(url: str, version: int) -> None:
    old_records.make(url, version)
    with Store.open(url) as store:
        store.save(record("new", experiment="kill.yaml", imported="now", ttd_s=2.0), [])
        (kill,) = (d for d in store.distributions() if d.name == "kill")
        assert (kill.runs, [*kill.ttd.durations.ended]) == (3, [1.5, 2.0, 2.5])


@pytest.mark.parametrize("version", OLDER)
def test_an_older_record_becomes_the_same_as_a_new_one(url: str, version: int) -> None:
    """A step that was released and is changed all the same makes another schema of a new record than old ones have."""
    Store.open(url).close()
    fresh = schema(url)
    forget(url)
    old_records.make(url, version)
    Store.open(url).close()
    assert schema(url) == fresh


def schema(url: str) -> list[dict[str, Any]]:
    """Every column and every index."""
    ours = Database(url)
    if url.startswith("sqlite"):
        sql = (
            'SELECT t.name AS part, c.name AS name, c.type, c."notnull", c.dflt_value FROM sqlite_master t'
            " JOIN pragma_table_info(t.name) c WHERE t.type IN ('table', 'index') ORDER BY 1, c.cid"
        )
    else:
        sql = (
            "SELECT table_name AS part, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
            " WHERE table_schema = 'public' UNION ALL SELECT indexname, indexdef, '', '', '' FROM pg_indexes"
            " WHERE schemaname = 'public' ORDER BY 1, 2"
        )
    found = ours.read(sql, {})
    ours.close()
    return found


def forget(url: str) -> None:
    """Empty the place, for another record."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).unlink()
        return
    ours = Database(url)
    with ours.write() as writer:
        writer.execute("DROP SCHEMA public CASCADE", {})
        writer.execute("CREATE SCHEMA public", {})
    ours.close()
