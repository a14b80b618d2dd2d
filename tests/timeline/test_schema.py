"""The schema of the event stream fits what is streamed, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.timeline.event import Name
from runner.timeline.schema import events_schema
from tests.timeline.tiny import problems

HEAD = {"at": "2026-11-24T12:56:09.271Z", "t": 4.2, "run": "20261124-125605-3577"}
STREAM: list[dict[str, Any]] = [
    {"event": "run_started", "title": "T", "experiment": "x.yaml", "context": "none", "plan_hash": "1", "targets": ["pod/a"]},
    {"event": "notice", "state": "given", "targets": ["pod/a"], "starts_at": "2026-11-24T12:57:09.271Z", "before_s": 60.0, "by": "a on b"},
    {"event": "notice", "state": "called off", "sentence": "stopped by a; nothing was injected"},
    {"event": "differs", "repeats": "20261124-115605-3577", "what": "targets", "before": "pod/a", "after": "pod/b"},
    {"event": "phase", "phase": "recover", "planned_s": None},
    {"event": "baseline", "met": True, "objectives": [{"name": "a", "met": True, "sentence": "0 % bad (0/295)"}]},
    {"event": "activity", "activity": "kill", "kind": "action", "state": "succeeded", "output": [1], "error": None},
    {"event": "wait", "after": "kill", "probe": "up", "within_s": 60.0, "state": "met", "waited_s": 1.2, "sentence": "3"},
    {"event": "hypothesis", "when": "during", "met": False, "probes": [{"name": "up", "met": False, "value": 500, "expected": 200}]},
    {"event": "injected", "fault": "kill", "targets": [], "error_s": 0.003},
    {"event": "effective", "indicator": "front", "how": "3 % bad", "error_s": 0.05},
    {"event": "effective", "fault": "kill", "how": "its UID changed", "error_s": 0.2},
    {"event": "detected", "source": "burn-rate", "by": "14.4x", "error_s": 0.05},
    {"event": "alert", "stage": "firing", "alert": "ShopErrors", "source": "prometheus", "error_s": 0.1, "evidence": "evidence/1"},
    {"event": "breach", "rule": "error_ratio", "sentence": "100 % failed (63/63)"},
    {"event": "abort", "by": "guard", "sentence": "100 % failed"},
    {"event": "undo_started", "steps": 1},
    {"event": "undo_step", "step": 1, "what": "mend", "state": "failed", "error": "no", "seconds": 0.2},
    {"event": "undone", "clean": False, "residue": ["node n1 is cordoned"]},
    {"event": "recovered", "stable_s": 2.0, "error_s": 0.05},
    {"event": "finding", "severity": "warning", "message": "few requests"},
    {"event": "verdict", "verdict": "ABORTED", "exit_code": 5, "sentence": "ABORTED: …", "objectives": [], "targets": [],
     "ttd_s": None, "ttr_s": 1.5, "findings": ["one"], "report": "/tmp/report.html"},
]  # fmt: skip


@pytest.mark.parametrize("event", STREAM, ids=lambda e: str(e["event"]))
def test_every_event_of_a_run_is_valid(event: dict[str, Any]) -> None:
    assert problems({**HEAD, **event}, events_schema(), events_schema()) == []


def test_no_event_is_without_a_sample_here() -> None:
    assert {e["event"] for e in STREAM} == {name.value for name in Name}


@pytest.mark.parametrize("event", STREAM, ids=lambda e: str(e["event"]))
def test_an_unknown_field_or_a_missing_one_is_found(event: dict[str, Any]) -> None:
    own = [name for name in event if name != "event"]
    schema = events_schema()
    assert problems({**HEAD, **event, "surprise": 1}, schema, schema)
    assert any(problems({**HEAD, **{k: v for k, v in event.items() if k != name}}, schema, schema) for name in own)


@pytest.mark.parametrize("moment", ["2026-11-24T12:56:09Z", "2026-11-24 12:56:09.271", "2026-11-24T12:56:09.271+01:00"])
def test_a_moment_in_another_form_is_not_valid(moment: str) -> None:
    schema = events_schema()
    assert problems({**HEAD, **STREAM[1], "at": moment}, schema, schema)


def test_the_schema_is_json() -> None:
    assert json.loads(json.dumps(events_schema())) == events_schema()
