"""The schema, grown by numbered steps in SQL that SQLite and PostgreSQL both speak.

A step that was released is never changed, and calls no code: code changes, and the step would then make another schema or other
figures of an old database than it was written for. What is reckoned from the runs is made anew afterwards (`Database.prepare`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Execute = Callable[[str, Mapping[str, Any]], Any]

VERSIONS = "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)"
CURRENT = "SELECT max(version) AS version FROM schema_versions"

STEPS: dict[int, tuple[str, ...]] = {
    1: (
        # `name` is what runs are compared by: the experiment file's name, however the path to it was written
        """CREATE TABLE runs (
            run TEXT PRIMARY KEY, started TEXT NOT NULL, ended TEXT NOT NULL, name TEXT NOT NULL, service TEXT NOT NULL,
            verdict TEXT NOT NULL, exit_code INTEGER NOT NULL, title TEXT NOT NULL, experiment TEXT NOT NULL,
            experiment_hash TEXT NOT NULL, context TEXT NOT NULL, gameday TEXT, folder TEXT NOT NULL,
            ttd_s DOUBLE PRECISION, ttd_censored INTEGER NOT NULL, ttd_error_s DOUBLE PRECISION NOT NULL,
            ttr_s DOUBLE PRECISION, ttr_censored INTEGER NOT NULL, ttr_error_s DOUBLE PRECISION NOT NULL,
            sentence TEXT NOT NULL)""",
        "CREATE INDEX runs_by_time ON runs (started, run)",
        "CREATE INDEX runs_by_service ON runs (service, started)",
        "CREATE INDEX runs_by_name ON runs (name, started)",
        "CREATE INDEX runs_by_verdict ON runs (verdict, started)",
        # apart from `runs`, so that a scan over all runs stays small
        "CREATE TABLE records (run TEXT PRIMARY KEY, document TEXT NOT NULL)",
        """CREATE TABLE events (
            run TEXT NOT NULL, number INTEGER NOT NULL, at TEXT NOT NULL, t DOUBLE PRECISION NOT NULL,
            event TEXT NOT NULL, fields TEXT NOT NULL, PRIMARY KEY (run, number))""",
        """CREATE TABLE objectives (
            run TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, indicator TEXT NOT NULL, kind TEXT NOT NULL,
            target DOUBLE PRECISION NOT NULL, threshold_s DOUBLE PRECISION, verdict TEXT NOT NULL, sentence TEXT NOT NULL,
            bad INTEGER NOT NULL, total INTEGER NOT NULL, lower_bound DOUBLE PRECISION NOT NULL,
            upper_bound DOUBLE PRECISION NOT NULL, dispersion DOUBLE PRECISION NOT NULL,
            budget_spent DOUBLE PRECISION NOT NULL, outage_s DOUBLE PRECISION NOT NULL, PRIMARY KEY (run, number))""",
        """CREATE TABLE faults (
            run TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, targets TEXT NOT NULL, proof TEXT NOT NULL,
            evidence TEXT NOT NULL, undo_owner TEXT NOT NULL, PRIMARY KEY (run, number))""",
        """CREATE TABLE undo_steps (
            run TEXT NOT NULL, number INTEGER NOT NULL, step INTEGER NOT NULL, what TEXT NOT NULL, state TEXT NOT NULL,
            seconds DOUBLE PRECISION NOT NULL, error TEXT, PRIMARY KEY (run, number))""",
        """CREATE TABLE findings (
            run TEXT NOT NULL, number INTEGER NOT NULL, severity TEXT NOT NULL, message TEXT NOT NULL,
            PRIMARY KEY (run, number))""",
        """CREATE TABLE marks (
            run TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, at TEXT NOT NULL, mono_ns BIGINT NOT NULL,
            error_s DOUBLE PRECISION NOT NULL, source TEXT NOT NULL, PRIMARY KEY (run, number))""",
    ),
    2: (
        "ALTER TABLE runs ADD COLUMN imported TEXT",
        # told by the marks, and asked of every run by the metrics
        "ALTER TABLE runs ADD COLUMN injected INTEGER NOT NULL DEFAULT 0",
        "UPDATE runs SET injected = 1 WHERE run IN (SELECT run FROM marks WHERE name = 'injected')",
        "CREATE INDEX runs_by_test ON runs (injected, service, name, started)",
    ),
    3: (
        # what the metrics ask of each run, beside it, so that they need not look at its objectives and events
        "ALTER TABLE runs ADD COLUMN by_person INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN passed INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN failed INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN undecided INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN requests BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN bad BIGINT NOT NULL DEFAULT 0",
        """UPDATE runs SET by_person = 1 WHERE run IN
            (SELECT run FROM events WHERE event = 'abort' AND fields LIKE '%"by": "person"%')""",
        """UPDATE runs SET passed = (SELECT count(*) FROM objectives o WHERE o.run = runs.run AND o.verdict = 'PASS'),
            failed = (SELECT count(*) FROM objectives o WHERE o.run = runs.run AND o.verdict = 'FAIL'),
            undecided = (SELECT count(*) FROM objectives o WHERE o.run = runs.run AND o.verdict = 'INCONCLUSIVE'),
            requests = (SELECT coalesce(sum(total), 0) FROM objectives o WHERE o.run = runs.run AND o.kind = 'availability'),
            bad = (SELECT coalesce(sum(bad), 0) FROM objectives o WHERE o.run = runs.run AND o.kind = 'availability')""",
        """CREATE INDEX runs_by_figures ON runs
            (injected, started, verdict, by_person, passed, failed, undecided, requests, bad, name, service)""",
        "CREATE INDEX runs_by_ttd ON runs (started, run, ttd_s, ttd_censored) WHERE ttd_s IS NOT NULL",
        "CREATE INDEX runs_by_ttr ON runs (started, run, ttr_s, ttr_censored) WHERE ttr_s IS NOT NULL",
        """CREATE INDEX runs_by_experiment ON runs
            (service, name, started, run, injected, ttd_s, ttd_censored, ttr_s, ttr_censored)""",
        "DROP INDEX runs_by_test",
        """CREATE TABLE distributions (
            service TEXT NOT NULL, name TEXT NOT NULL, runs INTEGER NOT NULL, tested TEXT,
            ttd_ended BYTEA NOT NULL, ttd_bounds BYTEA NOT NULL, ttd_latest BYTEA NOT NULL,
            ttr_ended BYTEA NOT NULL, ttr_bounds BYTEA NOT NULL, ttr_history BYTEA NOT NULL, PRIMARY KEY (service, name))""",
    ),
    4: (
        # who is at work on which target, and what people tell them; moments in seconds of the database's own clock
        """CREATE TABLE live_runs (
            run TEXT PRIMARY KEY, host TEXT NOT NULL, person TEXT NOT NULL, began DOUBLE PRECISION NOT NULL,
            renewed DOUBLE PRECISION NOT NULL)""",
        "CREATE TABLE locks (scope TEXT PRIMARY KEY, run TEXT NOT NULL)",
        """CREATE TABLE messages (
            id TEXT PRIMARY KEY, run TEXT NOT NULL, sent DOUBLE PRECISION NOT NULL, body TEXT NOT NULL,
            heard DOUBLE PRECISION)""",
        "CREATE INDEX messages_by_run ON messages (run, sent)",
    ),
    5: (
        # what a team sorts its runs by; a row each, for there are any number of keys
        """CREATE TABLE labels (
            run TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run, number))""",
        "CREATE INDEX labels_by_value ON labels (name, value, run)",
    ),
}
NEWEST = max(STEPS)


def migrate(execute: Execute, version: int, applied_at: str) -> None:
    """Play the steps after `version`, in order. The caller holds one transaction and the lock around all of it."""
    for number in sorted(n for n in STEPS if n > version):
        for statement in STEPS[number]:
            execute(statement, {})
        execute(
            "INSERT INTO schema_versions (version, applied_at) VALUES (:version, :at)",
            {"version": number, "at": applied_at},
        )
