"""Records as older versions of chaos-run left them: their tables and four runs, in SQL that is not today's.

One of each kind that the figures tell apart: passed; aborted by a person, its recovery cut off; missed its objective with no
request counted; and a check that injected nothing.
"""

from __future__ import annotations

from array import array

from runner.store.database import Database

_TABLES = (
    "CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)",
    """CREATE TABLE runs (
        run TEXT PRIMARY KEY, started TEXT NOT NULL, ended TEXT NOT NULL, name TEXT NOT NULL, service TEXT NOT NULL,
        verdict TEXT NOT NULL, exit_code INTEGER NOT NULL, title TEXT NOT NULL, experiment TEXT NOT NULL,
        experiment_hash TEXT NOT NULL, context TEXT NOT NULL, gameday TEXT, folder TEXT NOT NULL,
        ttd_s DOUBLE PRECISION, ttd_censored INTEGER NOT NULL, ttd_error_s DOUBLE PRECISION NOT NULL,
        ttr_s DOUBLE PRECISION, ttr_censored INTEGER NOT NULL, ttr_error_s DOUBLE PRECISION NOT NULL,
        sentence TEXT NOT NULL{more})""",
    "CREATE INDEX runs_by_time ON runs (started, run)",
    "CREATE INDEX runs_by_service ON runs (service, started)",
    "CREATE INDEX runs_by_name ON runs (name, started)",
    "CREATE INDEX runs_by_verdict ON runs (verdict, started)",
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
)
_MORE = {
    1: "",
    2: ", imported TEXT, injected INTEGER NOT NULL DEFAULT 0",
    3: """, imported TEXT, injected INTEGER NOT NULL DEFAULT 0, by_person INTEGER NOT NULL DEFAULT 0,
        passed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, undecided INTEGER NOT NULL DEFAULT 0,
        requests BIGINT NOT NULL DEFAULT 0, bad BIGINT NOT NULL DEFAULT 0""",
}
_MORE[4] = _MORE[3]
_LATER = {
    1: (),
    2: ("CREATE INDEX runs_by_test ON runs (injected, service, name, started)",),
    3: (
        """CREATE INDEX runs_by_figures ON runs
            (injected, started, verdict, by_person, passed, failed, undecided, requests, bad, name, service)""",
        "CREATE INDEX runs_by_ttd ON runs (started, run, ttd_s, ttd_censored) WHERE ttd_s IS NOT NULL",
        "CREATE INDEX runs_by_ttr ON runs (started, run, ttr_s, ttr_censored) WHERE ttr_s IS NOT NULL",
        """CREATE INDEX runs_by_experiment ON runs
            (service, name, started, run, injected, ttd_s, ttd_censored, ttr_s, ttr_censored)""",
        """CREATE TABLE distributions (
            service TEXT NOT NULL, name TEXT NOT NULL, runs INTEGER NOT NULL, tested TEXT,
            ttd_ended BYTEA NOT NULL, ttd_bounds BYTEA NOT NULL, ttd_latest BYTEA NOT NULL,
            ttr_ended BYTEA NOT NULL, ttr_bounds BYTEA NOT NULL, ttr_history BYTEA NOT NULL, PRIMARY KEY (service, name))""",
    ),
}
_LATER[4] = (
    *_LATER[3],
    """CREATE TABLE live_runs (
        run TEXT PRIMARY KEY, host TEXT NOT NULL, person TEXT NOT NULL, began DOUBLE PRECISION NOT NULL,
        renewed DOUBLE PRECISION NOT NULL)""",
    "CREATE TABLE locks (scope TEXT PRIMARY KEY, run TEXT NOT NULL)",
    """CREATE TABLE messages (
        id TEXT PRIMARY KEY, run TEXT NOT NULL, sent DOUBLE PRECISION NOT NULL, body TEXT NOT NULL,
        heard DOUBLE PRECISION)""",
    "CREATE INDEX messages_by_run ON messages (run, sent)",
)
_RUN = """INSERT INTO runs (run, started, ended, name, service, verdict, exit_code, title, experiment, experiment_hash, context,
    gameday, folder, ttd_s, ttd_censored, ttd_error_s, ttr_s, ttr_censored, ttr_error_s, sentence) VALUES """
_RUNS = (
    """('r1', '2026-01-01T12:00:00.000Z', '2026-01-01T12:01:00.000Z', 'kill', 'shop', 'PASS', 0, 'T', 'kill.yaml', 'a',
    'kind', NULL, '/r1', 1.5, 0, 0.1, 4.0, 0, 0.1, 'PASS: fine')""",
    """('r2', '2026-01-02T12:00:00.000Z', '2026-01-02T12:01:00.000Z', 'kill', 'shop', 'ABORTED', 3, 'T', 'kill.yaml', 'a',
    'kind', NULL, '/r2', 2.5, 0, 0.1, 9.0, 1, 0.1, 'ABORTED: by a person')""",
    """('r3', '2026-01-03T12:00:00.000Z', '2026-01-03T12:01:00.000Z', 'drain', 'shop', 'FAIL', 1, 'T', 'drain.yaml', 'b',
    'kind', 'gd', '/r3', NULL, 0, 0, NULL, 0, 0, 'FAIL: too slow')""",
    """('r4', '2026-01-04T12:00:00.000Z', '2026-01-04T12:01:00.000Z', 'check', 'shop', 'PASS', 0, 'T', 'check.yaml', 'c',
    'none', NULL, '/r4', NULL, 0, 0, NULL, 0, 0, 'PASS: fine')""",
)
_ROWS = (
    *(_RUN + run for run in _RUNS),
    """INSERT INTO marks SELECT run, 1, 'injected', started, 5, 0.0, 'kill' FROM runs WHERE run <> 'r4'""",
    """INSERT INTO events VALUES ('r2', 1, '2026-01-02T12:00:30.000Z', 30.0, 'abort', '{"by": "person", "why": "enough"}')""",
    """INSERT INTO objectives SELECT run, 1, 'up', 'front', 'availability', 0.99, NULL, 'PASS', 's', 10, 1000, 0, 0.1, 1, 0, 0
        FROM runs WHERE run IN ('r1', 'r2')""",
    """INSERT INTO objectives VALUES ('r2', 2, 'fast', 'front', 'latency', 0.9, 0.3, 'INCONCLUSIVE', 's', 3, 70, 0, 0.1, 1, 0, 0)""",
    """INSERT INTO objectives VALUES ('r3', 1, 'fast', 'front', 'latency', 0.9, 0.3, 'FAIL', 's', 50, 70, 0, 0.1, 1, 0, 0)""",
)
_DOCUMENT = """{"run": "r1", "title": "T", "experiment": "kill.yaml", "experiment_hash": "a", "service": "shop", "context": "kind",
    "started": "2026-01-01T12:00:00.000Z", "ended": "2026-01-01T12:01:00.000Z", "started_mono_ns": 5, "verdict": "PASS",
    "exit_code": 0, "sentence": "PASS: fine", "folder": "/r1", "residue": [], "environment": {"versions": {}},
    "marks": [{"name": "injected", "at": "2026-01-01T12:00:00.000Z", "mono_ns": 5, "error_s": 0.0, "source": "kill"}],
    "undo": [{"step": 1, "what": "delete it", "state": "undone", "seconds": 0.2, "error": null}], "ttd_s": 1.5, "ttr_s": 4.0}"""
_FILLED = {
    1: (),
    2: ("UPDATE runs SET injected = 1 WHERE run <> 'r4'",),
    3: (
        "UPDATE runs SET injected = 1 WHERE run <> 'r4'",
        "UPDATE runs SET passed = 1, requests = 1000, bad = 10 WHERE run IN ('r1', 'r2')",
        "UPDATE runs SET by_person = 1, undecided = 1 WHERE run = 'r2'",
        "UPDATE runs SET failed = 1 WHERE run = 'r3'",
    ),
}
_FILLED[4] = _FILLED[3]
_DISTRIBUTIONS = (  # service, name, runs, when last tested, and six lists of numbers
    ("check", 1, None, (), (), (), (), (), ()),
    ("drain", 1, "2026-01-03T12:00:00.000Z", (), (), (), (), (), ()),
    (
        "kill", 2, "2026-01-02T12:00:00.000Z",
        (1.5, 2.5), (), (1767268800.0, 1.5, 0.0, 1767355200.0, 2.5, 0.0),
        (4.0,), (9.0,), (1767268800.0, 4.0, 0.0, 1767355200.0, 9.0, 1.0),
    ),
)  # fmt: skip
NEWEST = max(_MORE)


def make(url: str, version: int) -> None:
    """The record of that schema version."""
    database = Database(url)
    with database.write() as writer:
        for table in _TABLES:
            writer.execute(table.format(more=_MORE[version]), {})
        for statement in (*_LATER[version], *_ROWS, *_FILLED[version]):
            writer.execute(statement, {})
        writer.execute("INSERT INTO records VALUES ('r1', :document)", {"document": _DOCUMENT})
        for number in range(1, version + 1):
            writer.execute("INSERT INTO schema_versions VALUES (:version, 'then')", {"version": number})
        for name, runs, tested, *lists in _DISTRIBUTIONS if version >= 3 else ():
            packed = {f"l{n}": array("d", numbers).tobytes() for n, numbers in enumerate(lists)}
            writer.execute(
                "INSERT INTO distributions VALUES ('shop', :name, :runs, :tested, :l0, :l1, :l2, :l3, :l4, :l5)",
                {"name": name, "runs": runs, "tested": tested, **packed},
            )
    database.close()
