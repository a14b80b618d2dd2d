"""A run as a trace: what a collector decodes is what the record says, to the microsecond."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runner.telemetry import otlp, push, trace
from runner.telemetry.finished import Finished
from runner.timeline.event import Event, Name
from tests.report import made
from tests.telemetry.backend import backend
from tests.waiting import PATIENCE_S

EVENTS = [
    ("activity", 15.0, {"activity": "kill", "kind": "action", "state": "started"}),
    ("activity", 15.2, {"activity": "kill", "kind": "action", "state": "failed", "error": "no such pod"}),
    ("wait", 15.3, {"after": "kill", "probe": "pod is gone", "state": "started"}),
    ("wait", 17.3, {"after": "kill", "probe": "pod is gone", "state": "met"}),
    ("undo_step", 40.5, {"step": 1, "what": "uncordon n1", "state": "started"}),
    ("undo_step", 40.8, {"step": 1, "what": "uncordon n1", "state": "undone"}),
]


def wire(event: str, t: float, fields: dict[str, Any]) -> dict[str, Any]:
    at = made.START + (made.mark("x", t).at - made.START)
    return Event(event=Name(event), at=at, mono_ns=made.ns(t), t=t, run="r", fields=fields).to_json()


def run(**changes: Any) -> Finished:
    given = {
        "windows": (made.window("inject", 15, 40), made.window("undo", 40, 41), made.window("recover", 41, 45.5)),
        "marks": (made.mark("injected", 15.1, "kill"), made.mark("detected", 17.123456, "alertmanager")),
        "environment": {"chaos-run": "1.2", "host": "build7"},
        "verdict": "FAIL",
        "sentence": "3 % bad",
        "labels": {"team": "checkout"},
    }
    return Finished(record=made.record(**given | changes), events=[wire(*e) for e in EVENTS])


def at(seconds: float) -> int:
    """Unix nanoseconds of a moment of the run, reckoned apart from what is tested."""
    return int(made.START.timestamp()) * 10**9 + round(seconds * 1e6) * 1000


def test_a_collector_gets_the_run_its_phases_and_what_was_done_in_them() -> None:
    with backend() as collector:
        assert otlp.send(collector.url, run()) == ""
    spans = {s.name: s for s in collector.spans}
    root = spans["run"]
    assert collector.resource["service.name"] == "chaos-run"
    assert (collector.resource["service.version"], collector.resource["host.name"]) == ("1.2", "build7")
    assert {s.trace_id.hex() for s in collector.spans} == {trace.trace_id(made.record().run)}
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (at(0), at(46))
    assert (root.status.code, root.status.message) == (2, "3 % bad")
    attributes = {a.key: a.value.string_value for a in root.attributes}
    assert attributes["chaos_run.label.team"] == "checkout"
    assert [(e.name, e.time_unix_nano) for e in root.events] == [("injected", at(15.1)), ("detected", at(17.123456))]
    bounds = {
        n: (spans[n].start_time_unix_nano, spans[n].end_time_unix_nano) for n in ("inject", "undo", "judge", "kill")
    }
    assert bounds == {
        "inject": (at(15), at(40)),
        "undo": (at(40), at(41)),
        "judge": (at(45.5), at(46)),
        "kill": (at(15), at(15.2)),
    }
    above = {s.span_id: s.name for s in collector.spans} | {b"": None}
    assert {n: above[s.parent_span_id] for n, s in spans.items()} == {
        "run": None,
        "inject": "run",
        "undo": "run",
        "recover": "run",
        "judge": "run",
        "kill": "inject",
        "wait for pod is gone": "inject",
        "undo: uncordon n1": "undo",
    }
    assert (spans["kill"].status.code, spans["kill"].status.message) == (2, "no such pod")


@pytest.mark.parametrize(("verdict", "status"), [("PASS", 1), ("INCONCLUSIVE", 0), ("ABORTED", 2), ("UNDO_FAILED", 2)])
def test_only_a_pass_is_ok(verdict: str, status: int) -> None:
    root, *_ = otlp.readable(run(verdict=verdict))
    assert root.status.status_code.value == status


def test_a_record_without_windows_is_drawn_from_its_events() -> None:
    told = [
        *[wire("phase", 1.0, {"phase": "baseline"}), wire("phase", 14.0, {"phase": "inject"}), *[wire(*EVENTS[0])]],
        *[wire("abort", 20.0, {"by": "runner"}), wire("undo_started", 20.1, {}), wire("undone", 21.0, {"clean": True})],
    ]
    found = trace.spans(Finished(record=made.record(windows=()), events=told))
    assert [(s.name, s.start_ns, s.end_ns) for s in found[1:]] == [
        *[("baseline", at(1), at(14)), ("inject", at(14), at(20)), ("undo", at(20.1), at(21)), ("kill", at(15), at(20))]
    ]


def test_what_cannot_be_exported_says_why_and_takes_a_few_seconds_at_most(capfd: pytest.CaptureFixture[str]) -> None:
    with backend() as collector:
        collector.status = 500
        assert otlp.send(collector.url, run()) == "HTTP 500"
        collector.free.clear()
        with ThreadPoolExecutor(2) as pool:
            for said in pool.map(lambda act: act(collector.url, run()), (otlp.send, push.push), timeout=PATIENCE_S):
                assert "imeout" in said or "in time" in said
    assert otlp.send(collector.url, run()) == "ConnectionError"
    assert capfd.readouterr() == ("", ""), "it is kept with the run, not printed over the verdict"
