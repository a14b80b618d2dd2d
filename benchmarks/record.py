"""What a large record costs to read: 100,000 runs, then `history`, `show` and `metrics` as a user calls them.

    .venv/bin/python benchmarks/record.py [--runs 100000] [--store URL | --postgres]

Medians in seconds: `wall` from the call to the last byte, `cpu` what the process itself took (user and system), which says more on
a busy machine. Runs of forty experiments on ten services over two years; each has two objectives, one fault, three marks and a few
events. Making them takes about twenty seconds. `--postgres` starts a server of its own from Debian's package `postgresql`.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from runner import clock
from runner.store import Store, distributions, rows
from runner.timeline.mark import Mark
from runner.timeline.record import Fault, ObjectiveResult, RunRecord

BIN = Path(sys.executable).parent
CHUNK = 5_000
SPAN_S = 730 * 86400
VERDICTS = ("PASS",) * 7 + ("FAIL", "INCONCLUSIVE", "ABORTED")


def objective(name: str, threshold_s: float | None) -> ObjectiveResult:
    kind = "latency" if threshold_s else "availability"
    return ObjectiveResult(
        name=name, indicator="front", kind=kind, target=0.99, threshold_s=threshold_s, verdict="PASS",
        sentence="0.1 % bad (3/3,000), allowed is 1 %", bad=3, total=3000, lower=0.0, upper=0.003,
    )  # fmt: skip


NOW = datetime.now(UTC)
ONE = RunRecord(
    run="", title="The shop survives a killed pod", experiment="", experiment_hash="0" * 64, service="", context="kind-shop",
    started=NOW, ended=NOW, started_mono_ns=0, verdict="PASS", exit_code=0, folder="/nowhere",
    sentence="the fault took effect (proven); availability: 0.1 % bad (3/3,000), allowed is 1 %",
    objectives=(objective("availability", None), objective("latency", 0.5)),
    faults=(Fault(name="kill", targets=("pod/a",), proof="proven"),),
    marks=tuple(Mark(name=n, at=NOW, mono_ns=i) for i, n in enumerate(("injected", "undone", "recovered"))),
)  # fmt: skip
EVENTS = [{"event": "phase", "at": "2026-01-01T00:00:00Z", "t": float(i), "phase": "inject"} for i in range(3)]


TEMPLATE = {table: rows.numbered("", table, found) for table, found in rows.rows(ONE, EVENTS).items() if found}


def made(count: int) -> Iterator[dict[str, Any]]:
    """The columns of `runs` in which one run differs from the others."""
    chance = random.Random(7)
    for number in range(count):
        started = NOW - timedelta(seconds=SPAN_S * (1 - number / count))
        experiment = chance.randrange(40)
        yield {
            "run": f"{started:%Y%m%d-%H%M%S}-{number:06x}",
            "name": f"e{experiment}",
            "experiment": f"experiments/e{experiment}.yaml",
            "service": f"service-{experiment % 10}",
            "started": clock.rfc3339(started),
            "ended": clock.rfc3339(started + timedelta(seconds=60)),
            "verdict": chance.choice(VERDICTS),
            "ttd_s": chance.lognormvariate(2, 1),
            "ttd_censored": int(chance.random() < 0.2),
            "ttr_s": chance.lognormvariate(3, 1),
        }


def fill(store: Store, count: int) -> None:
    """Thousands of runs a transaction: `save` makes each durable by itself, which is right and slow."""
    found = made(count)
    while chunk := list(islice(found, CHUNK)):
        with store._database.write() as writer:
            for table, template in TEMPLATE.items():
                own = [run if table == "runs" else {"run": run["run"]} for run in chunk]
                writer.execute(rows.insert(table, template[0]), [row | run for run in own for row in template])

    with store._database.write() as writer:
        distributions.refresh_all(writer.execute)


def timed(*command: str) -> tuple[float, float]:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(BIN / "chaos-run"), *command], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("history",),
    ("history", "--service", "service-3"),
    ("history", "--experiment", "e3", "--since", "30d"),
    ("show", "last"),
    ("metrics",),
    ("metrics", "--service", "service-3"),
    ("metrics", "--experiment", "e3"),
    ("metrics", "--json"),
)


def measure(url: str, runs: int, repeat: int) -> None:
    began = time.perf_counter()
    with Store.open(url) as store:
        if not store.list(limit=1):
            fill(store, runs)
    print(f"{runs:,} runs made in {time.perf_counter() - began:.1f} s")
    for command in COMMANDS:
        found = [timed(*command, "--store", url) for _ in range(repeat)]
        wall, cpu = (round(statistics.median(times), 3) for times in zip(*found, strict=True))
        print(json.dumps({"command": " ".join(command), "wall": wall, "cpu": cpu}), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--store", help="an empty record to fill, or one that was filled before")
    where.add_argument("--postgres", action="store_true", help="a PostgreSQL server that is there only for this")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    if asked.postgres:
        from tests.store.conftest import serving

        with serving() as server:
            measure(server.url, asked.runs, asked.repeat)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(asked.store or str(Path(folder, "record.db")), asked.runs, asked.repeat)


if __name__ == "__main__":
    main()
