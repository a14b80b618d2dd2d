"""A saved run is found again, replaced when saved again, and listed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.rundir import paths
from runner.store import Store
from tests.store.samples import BEGAN, record

EVENTS: list[dict[str, Any]] = [
    {
        "event": "phase",
        "at": "2026-11-24T12:00:01.000Z",
        "t": 1.0,
        "run": "20261124-120000-aaaa",
        "phase": "inject",
        "planned_s": None,
    },
    {
        "event": "abort",
        "at": "2026-11-24T12:00:02.000Z",
        "t": 2.0,
        "run": "20261124-120000-aaaa",
        "by": "guard",
        "sentence": "ä",
    },
]


def test_what_is_saved_comes_back_the_same(store: Store) -> None:
    saved = record("20261124-120000-aaaa")
    store.save(saved, EVENTS)
    assert store.get(saved.run) == saved
    assert store.events(saved.run) == EVENTS


def test_saving_again_replaces(store: Store) -> None:
    store.save(record("20261124-120000-aaaa"), EVENTS)
    store.save(record("20261124-120000-aaaa", verdict="FAIL", objectives=()), EVENTS[:1])
    assert [run.verdict for run in store.list()] == ["FAIL"]
    assert len(store.events("last")) == 1


def test_a_run_is_named_by_its_beginning_or_as_the_last_one(store: Store) -> None:
    store.save(record("20261124-120000-aaaa"), [])
    store.save(record("20261125-120000-bbbb", started=BEGAN + timedelta(days=1)), [])
    assert store.get("20261124").run == "20261124-120000-aaaa"
    assert store.get("last").run == "20261125-120000-bbbb"
    with pytest.raises(errors.UsageError, match="several runs"):
        store.get("202611")
    with pytest.raises(errors.UsageError) as raised:
        store.get("20261124-120000-aaax")
    assert "20261124-120000-aaaa" in str(raised.value.hint)


def test_an_empty_record_says_how_to_fill_it(store: Store) -> None:
    with pytest.raises(errors.UsageError, match="no run on record"):
        store.get("last")
    assert list(store.values()) == []


def test_the_list_is_the_latest_first_and_every_filter_filters(store: Store) -> None:
    for day, (service, path, verdict) in enumerate(
        [("shop", "a/x.yaml", "PASS"), ("cart", "b/x.yaml", "FAIL"), ("shop", "y.json", "FAIL")]
    ):
        at = BEGAN + timedelta(days=day)
        store.save(
            record(f"run-{day}", service=service, experiment=path, verdict=verdict, started=at, title=f"T{day}"), []
        )

    def listed(**filters: Any) -> list[str]:
        return [run.run for run in store.list(**filters)]

    assert listed() == ["run-2", "run-1", "run-0"]
    assert listed(limit=2) == ["run-2", "run-1"]
    assert listed(service="shop") == ["run-2", "run-0"]
    assert listed(experiment="x") == ["run-1", "run-0"]
    assert listed(experiment="b/x.yaml") == ["run-1"]
    assert listed(experiment="T2") == ["run-2"]
    assert listed(verdict="fail", service="shop") == ["run-2"]
    assert listed(since=BEGAN + timedelta(days=1)) == ["run-2", "run-1"]
    assert [run.run for run in store.values(service="shop")] == ["run-0", "run-2"]


def test_a_summary_keeps_the_figures(store: Store) -> None:
    store.save(record("r", ttd_s=2.5, ttd_censored=True, ttd_error_s=0.1, ttr_s=None), [])
    (run,) = store.list()
    assert (run.ttd_s, run.ttd_censored, run.ttd_error_s, run.ttr_s, run.ttr_censored) == (2.5, True, 0.1, None, False)
    assert run.started == datetime(2026, 11, 24, 12, 0, 0, 123000, tzinfo=UTC)


def test_a_lost_database_is_rebuilt_from_the_folders(store: Store) -> None:
    for name, text in (("good", json.dumps(record("good").to_json())), ("torn", '{"run":'), ("odd", "[]")):
        folder = paths.runs_dir() / name
        folder.mkdir()
        (folder / "record.json").write_text(text, encoding="utf-8")
    (paths.runs_dir() / "good" / "events.jsonl").write_text(
        json.dumps(EVENTS[0]) + '\n{"event": "pha', encoding="utf-8"
    )
    assert store.reindex() == 1
    assert store.get("good") == record("good")
    assert [e["event"] for e in store.events("good")] == ["phase"]


def test_the_state_folder_is_for_its_owner_only(store: Store) -> None:
    assert paths.runs_dir().stat().st_mode & 0o777 == 0o700
    assert paths.state_dir().stat().st_mode & 0o777 == 0o700


def test_the_place_is_given_by_option_then_variable_then_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert paths.store_url(None) == f"sqlite:///{paths.state_dir()}/record.db"
    monkeypatch.setenv("CHAOS_RUN_STORE", "postgresql://team@db/chaos")
    assert paths.store_url(None) == "postgresql://team@db/chaos"
    assert paths.store_url(str(tmp_path)) == f"sqlite:///{tmp_path}/record.db"


def test_runs_are_found_by_their_labels_all_of_which_must_be_theirs(store: Store) -> None:
    for n, labels in enumerate(({"team": "a", "commit": "1"}, {"team": "a", "commit": "2"}, {"team": "b"}, {})):
        run = record(f"2026112{n}-120000-aaaa", started=BEGAN + timedelta(days=n), labels=labels, ttd_s=float(n))
        store.save(run, [])
    assert [run.run[:8] for run in store.list(labels={"team": "a"})] == ["20261121", "20261120"]
    assert [run.run[:8] for run in store.list(labels={"team": "a", "commit": "1"})] == ["20261120"]
    assert [run.ttd_s for run in store.values(labels={"team": "a"}, service="shop")] == [0.0, 1.0]
    assert store.list(labels={"team": "c"}) == []
    store.save(record("20261120-120000-aaaa", labels={}), [])
    assert store.list(labels={"commit": "1"}) == [], "a run saved again has the labels that it has now"
