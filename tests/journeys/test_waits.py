"""wait_for: the method goes on when a probe holds, ends where it does not hold in time, and can be stopped meanwhile."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from tests.journeys.harness import Json, Service, experiment, http, record, started

WINDOWS = {"baseline": "600ms", "recovery": "20s", "stable": "300ms"}


def _document(service: Service, *, state: str, within: str, **block: Any) -> Json:
    """Break, wait until the service says so, and then strike a second time; its pause is an hour in plain Chaos Toolkit."""
    document = experiment(
        service,
        method=[http("break", "/break", pauses={"after": 3600}), http("again", "/break")],
        windows=WINDOWS,
        hypothesis={"during": False},
        wait_for=[{"after": "break", "probe": "is-broken", "within": within, "every": "200ms"}],
        **block,
    )
    tolerance = {"type": "regex", "pattern": state, "target": "body"}
    # Looked up once, when the run starts: what a probe compares with is often what was there before.
    path = {"type": "process", "path": "echo", "arguments": "/state"}
    document["configuration"]["looked_up"] = {"type": "probe", "name": "look-up", "provider": path}
    document["method"].append(http("is-broken", "${looked_up}", "probe", tolerance=tolerance))
    return document


def test_the_method_goes_on_as_soon_as_the_probe_holds_and_makes_no_pause_besides(
    service: Service, tmp_path: Path
) -> None:
    with started(tmp_path, _document(service, state="broken", within="1h")) as run:
        assert run.finish() == 0, run.stderr()
        kept = record(run)
    assert [e["state"] for e in run.named("wait")] == ["started", "met"]
    assert service.get("/log") == "/break /break /mend"
    (wait,) = kept["waits"]
    assert wait["met"]
    assert wait["waited_s"] < 60


def test_a_probe_that_does_not_hold_in_time_ends_the_method_and_fails_the_run(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _document(service, state="never", within="1s")) as run:
        assert run.finish() == 1, run.stderr()
    assert run.verdict["verdict"] == "FAIL"
    said = "'is-broken' did not hold within 1s after 'break', where the method ended: "
    assert said in run.verdict["sentence"]
    assert service.get("/log") == "/break /mend", "the second action was not begun, and the first was put back"
    assert [e["state"] for e in run.named("wait")] == ["started", "not met"]
    assert not run.named("abort")
    assert run.verdict["ttr_censored"] is False


def test_a_person_stops_the_run_in_the_middle_of_a_wait(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _document(service, state="never", within="1h")) as run:
        run.until("wait", state="started")
        os.kill(run.process.pid, signal.SIGINT)
        assert run.finish() == 5, run.stderr()
        kept = record(run)
    assert service.get("/log") == "/break /mend"
    assert kept["waits"] == [], "it is not known whether it would have been met"


def test_a_guard_stops_the_run_in_the_middle_of_a_wait(service: Service, tmp_path: Path) -> None:
    traffic = [{"name": "front", "url": "${url}/", "rate": 100, "timeout": "1s"}]
    abort = [{"error_ratio": {"indicator": "front", "above": "20%", "over": "1s"}}]
    document = _document(service, state="never", within="1h", traffic=traffic, abort=abort)
    with started(tmp_path, document) as run:
        assert run.finish() == 5, run.stderr()
    assert run.named("abort")[0]["by"] == "guard"
    assert not service.broken
