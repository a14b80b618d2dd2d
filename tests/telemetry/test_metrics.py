"""Metrics of finished runs: many experiments in one file of one machine, each replacing its own series only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from runner.telemetry import metrics, push, textfile
from runner.telemetry.finished import Finished
from tests.report import made
from tests.telemetry.backend import backend

MINUTE = timedelta(minutes=1)


def run(title: str = "a", later: timedelta = timedelta(), **changes: Any) -> Finished:
    """A made-up run, some time later; `undone` and `left` are its ledger's."""
    counts = {name: changes.pop(name, usual) for name, usual in (("undone", 0), ("left", ()))}
    ended = made.record().ended + later
    return Finished(record=made.record(title=title, ended=ended, **changes), **counts)


def series(text: str) -> dict[str, dict[str, float]]:
    """Values by name, then by what distinguishes them beside title, service and context."""
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for s in family.samples:
            own = [v for k, v in s.labels.items() if k not in ("service", "context")]
            found.setdefault(s.name.removeprefix("chaos_run_"), {})["/".join(own)] = s.value
    return found


def test_a_run_is_told_in_base_units_with_its_doubts_in_series_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "chaos.prom"
    told = run(
        verdict="UNDO_FAILED",
        ttd_s=12.5,
        ttd_censored=True,
        ttr_s=None,
        undone=2,
        left=("uncordon n1",),
        residue=("a pod",),
    )
    assert textfile.write(file, told) == ""
    found = series(file.read_text())
    assert found["last_run_timestamp_seconds"] == {"a": made.record().ended.timestamp()}
    assert found["last_run_duration_seconds"] == {"a": 46.0}
    assert found["last_run_time_to_detect_seconds"] == {"a": 12.5}
    assert found["last_run_time_to_detect_censored"] == {"a": 1.0}
    assert "last_run_time_to_recover_seconds" not in found, "what does not apply has no value, and least of all zero"
    assert found["last_run_undo_steps"] == {"a/undone": 2.0, "a/open": 1.0}
    assert found["last_run_residue"] == {"a": 1.0}
    assert found["last_run_error_budget_spent_ratio"]["a/availability"] == 0.0000154
    verdicts = found["last_run_verdict"]
    assert len(verdicts) == 7
    assert [name for name, value in verdicts.items() if value] == ["a/UNDO_FAILED"]
    assert told.record.run not in file.read_text(), "a label with every run's id would grow without end"


def test_runs_that_end_together_do_not_overwrite_each_other(tmp_path: Path) -> None:
    file = tmp_path / "chaos.prom"
    titles = [f"experiment {n} of “many”\n\\" for n in range(16)]
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda title: textfile.write(file, run(title)), titles)) == {""}
    assert set(series(file.read_text())["last_run_timestamp_seconds"]) == set(titles)


def test_runs_are_counted_once_and_a_late_one_does_not_hide_what_ran_since(tmp_path: Path) -> None:
    file = tmp_path / "chaos.prom"
    for one in (run(), run(later=2 * MINUTE, verdict="FAIL"), run(later=2 * MINUTE, verdict="FAIL"), run(later=MINUTE)):
        textfile.write(file, one)
    found = series(file.read_text())
    assert found["runs_total"] == {"a/PASS": 2.0, "a/FAIL": 1.0}
    assert found["last_run_verdict"]["a/FAIL"] == 1.0


def test_a_file_holds_no_more_experiments_than_it_may() -> None:
    labels = [{"experiment": f"{n}", "service": "shop", "context": "kind-chaos"} for n in range(textfile.MOST)]
    old = {metrics.ENDED: [Sample(metrics.ENDED, of, 1e9 + n) for n, of in enumerate(labels)]}
    ended, *_ = textfile.merged(old, run("new"))
    assert {s.labels["experiment"] for s in ended.samples} == {"new", *(f"{n}" for n in range(1, textfile.MOST))}


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    for foreign in ("node_load1 0.5\n", "no metrics at all {\n"):
        file = tmp_path / "other.prom"
        file.write_text(foreign)
        assert "not overwritten" in textfile.write(file, run())
        assert file.read_text() == foreign


def test_a_gateway_gets_a_group_of_its_own_and_no_counter() -> None:
    with backend() as gateway:
        assert push.push(gateway.url, run("disk/full", context="kind-a")) == ""
        gateway.status = 503
        assert push.push(gateway.url, run()) == "HTTP 503"
    assert push.push(gateway.url, run()) == "ConnectionRefusedError"
    (path, body), _ = gateway.pushed
    assert path == "/metrics/job/chaos-run/context/kind-a/experiment@base64/ZGlzay9mdWxs"
    assert series(body)["last_run_verdict"]["disk/full/PASS"] == 1.0
    assert "runs_total" not in body
