"""From file to verdict on real processes: what the run says is what happened."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.journeys import harness
from tests.journeys.harness import Service, experiment, http, python, started
from tests.waiting import PATIENCE_S


def test_a_fault_that_users_do_not_feel_passes_and_is_put_back(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[http("break", "/break", pauses={"after": 2})])) as run:
        assert run.finish() == 0
    assert run.verdict["verdict"] == "PASS"
    assert service.get("/log") == "/break /mend"
    assert [e["state"] for e in run.named("undo_step") if e["what"] == "mend"] == ["started", "undone"]


def test_a_fault_that_users_feel_beyond_the_objective_fails(service: Service, tmp_path: Path) -> None:
    traffic = [{"name": "front", "url": "${url}/", "rate": 100, "timeout": harness.UNHURRIED}]
    objectives = [{"name": "availability", "indicator": "front", "target": "99%"}]
    method = [http("break", "/break", pauses={"after": 3})]  # three slices: one or two may be a single clump
    with started(tmp_path, experiment(service, traffic=traffic, objectives=objectives, method=method)) as run:
        assert run.finish() == 1
    assert "availability" in run.verdict["sentence"]
    assert not service.broken


def test_a_pause_between_two_outages_is_told_as_a_pause_and_recovery_counts_from_the_last_one(
    service: Service, tmp_path: Path
) -> None:
    traffic = [{"name": "front", "url": "${url}/", "rate": 100, "timeout": harness.UNHURRIED}]
    document = experiment(
        service,
        traffic=traffic,
        objectives=[{"name": "availability", "indicator": "front", "target": "50%"}],
        expect={"recovered_within": "4s"},
        method=[python("twice", "break_twice", {"url": "${url}"})],
    )
    with started(tmp_path, document) as run:
        assert run.finish() == 1
        kept = harness.record(run)
    assert "expected within 4s" in run.verdict["sentence"]
    (took_s,) = [
        float(e["output"]) for e in run.named("activity") if e["state"] == "succeeded" and e["activity"] == "twice"
    ]
    assert took_s >= 6.5
    assert abs(kept["ttr_s"] - took_s) <= kept["ttr_error_s"] < 1
    assert (run.verdict["ttr_error_s"], run.verdict["felt"], run.verdict["ttr_why"]) == (kept["ttr_error_s"], True, "")
    (pause,) = kept["pauses"]
    assert 2 <= (pause["end_ns"] - pause["start_ns"]) / 1e9 <= 3.5
    assert [f for f in run.verdict["findings"] if "a pause, not the recovery" in f]
    assert run.named("recovered")[0]["pauses"]


def test_a_guard_that_stops_the_run_first_says_since_when_users_were_hurt_with_the_error_of_its_slice(
    service: Service, tmp_path: Path
) -> None:
    traffic = [{"name": "front", "url": "${url}/", "rate": 20, "timeout": "1s"}]
    abort = [{"error_ratio": {"indicator": "front", "above": "50%", "over": "1s"}}]
    document = experiment(service, traffic=traffic, abort=abort, method=[http("break", "/break", pauses={"after": 20})])
    with started(tmp_path, document) as run:
        assert run.finish() == 5
        kept = harness.record(run)
    injected, felt = (next(m for m in kept["marks"] if m["name"] == name) for name in ("injected", "effective"))
    assert abs(felt["mono_ns"] - injected["mono_ns"]) / 1e9 <= felt["error_s"] + injected["error_s"]
    assert felt["error_s"] >= 0.2  # 3 / 20 a second, and the bucket


def test_a_guard_aborts_long_before_the_method_would_end(service: Service, tmp_path: Path) -> None:
    traffic = [{"name": "front", "url": "${url}/", "rate": 100, "timeout": "1s"}]
    abort = [{"error_ratio": {"indicator": "front", "above": "20%", "over": "1s"}}]
    document = experiment(service, traffic=traffic, abort=abort, method=[http("break", "/break", pauses={"after": 60})])
    with started(tmp_path, document) as run:
        assert run.finish() == 5
    injected, abort_event = run.named("injected")[0], run.named("abort")[0]
    assert abort_event["t"] - injected["t"] < PATIENCE_S
    assert abort_event["by"] == "guard"
    assert not service.broken


def test_no_guard_stops_the_way_back(service: Service, tmp_path: Path) -> None:
    mend = python("mend", "mend_loudly", {"url": "${url}", "seconds": 3})
    document = experiment(
        service,
        method=[http("break", "/break")],
        rollbacks=[mend],
        traffic=[{"name": "front", "url": "${url}/", "rate": 100, "timeout": harness.UNHURRIED}],
        objectives=[{"name": "availability", "indicator": "front", "target": "99%"}],
        abort=[{"error_ratio": {"indicator": "front", "above": "50%", "over": "1s"}}, {"duration": "60s"}],
    )
    with started(tmp_path, document) as run:
        assert run.finish() == 1, "three seconds of it are a failure, and no abort: there is nothing left to stop"
    assert not run.named("abort")
    assert not run.named("breach")
    assert run.named("undone")[0]["t"] - run.named("injected")[0]["t"] > 3
    assert not service.broken


def test_a_baseline_that_does_not_hold_injects_nothing(service: Service, tmp_path: Path) -> None:
    service.get("/break")
    traffic = [{"name": "front", "url": "${url}/", "rate": 50, "timeout": "1s"}]
    with started(tmp_path, experiment(service, traffic=traffic, method=[http("act", "/break")])) as run:
        assert run.finish() == 4
    assert not run.named("injected")
    assert not run.named("activity")


def test_a_hypothesis_that_does_not_hold_before_injects_nothing(service: Service, tmp_path: Path) -> None:
    document = experiment(service, method=[http("break", "/break")])
    document["steady-state-hypothesis"] = {"title": "down", "probes": [http("is-down", "/", "probe", tolerance=503)]}
    with started(tmp_path, document) as run:
        assert run.finish() == 4
    assert "before the method" in run.verdict["sentence"]
    assert service.get("/log") == ""


def test_a_hypothesis_that_breaks_during_the_method_fails(service: Service, tmp_path: Path) -> None:
    document = experiment(service, method=[http("break", "/break", pauses={"after": 3}), http("heal", "/mend")])
    document["steady-state-hypothesis"] = {"title": "up", "probes": [http("is-up", "/", "probe", tolerance=200)]}
    with started(tmp_path, document) as run:
        assert run.finish() == 1
    assert "during the method" in run.verdict["sentence"]


@pytest.mark.parametrize("action", [python("hits-nothing", "nothing"), python("fails", "last_words", {"text": "no"})])
def test_a_fault_that_hits_nothing_is_never_a_pass(action: harness.Json, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[action], rollbacks=[])) as run:
        assert run.finish() == 4
    assert "nothing was tested" in run.verdict["sentence"]


def test_a_failed_undo_is_what_the_run_is_remembered_for(service: Service, tmp_path: Path) -> None:
    rollbacks = [python("fails", "last_words", {"text": "cannot"}), http("mend", "/mend")]
    with started(tmp_path, experiment(service, method=[http("break", "/break")], rollbacks=rollbacks)) as run:
        assert run.finish() == 6
    assert not service.broken, "the other rollback is played all the same"
    assert "cannot" in run.verdict["sentence"]


def test_secrets_are_in_no_file_of_the_run(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "hunter2-and-more")
    action = python("tells", "echo_secret")
    action["provider"]["secrets"] = ["vaulted"]
    document = experiment(service, method=[action]) | {
        "secrets": {"vaulted": {"token": {"type": "env", "key": "THE_TOKEN"}}}
    }
    with started(tmp_path, document) as run:
        assert run.finish() == 0
    assert "*****" in (run.folder / "worker.log").read_text(), "the action did print it"
    written = [p for p in (tmp_path / "state").rglob("*") if p.is_file() and b"hunter2-and-more" in p.read_bytes()]
    assert not written
    assert "hunter2" not in str(run.events)


def _with_proof(service: Service, path: str) -> harness.Json:
    """An experiment whose own probe says whether the fault bit."""
    return experiment(
        service,
        method=[http("act", path), http("is-broken", "/", "probe", tolerance=500, pauses={"before": 1})],
        proof=[{"action": "act", "probe": "is-broken"}],
    )


def test_a_probe_that_the_file_names_proves_the_fault(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _with_proof(service, "/break")) as run:
        assert run.finish() == 0
    assert "proven" in run.verdict["sentence"]


def test_a_fault_that_its_own_proof_denies_is_never_a_pass(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _with_proof(service, "/health")) as run:
        assert run.finish() == 4
    assert "nothing was tested" in run.verdict["sentence"]


def test_what_another_action_did_is_no_proof_of_one_that_never_began(service: Service, tmp_path: Path) -> None:
    document = experiment(
        service,
        method=[
            http("break", "/break"),
            http("act", "/health"),
            http("is-broken", "/", "probe", tolerance=500),
            http("is-well", "/", "probe", tolerance=200),
        ],
        proof=[{"action": "act", "probe": "is-broken"}],
        wait_for=[{"after": "break", "probe": "is-well", "within": "1500ms"}],  # in vain: the method ends there
    )
    with started(tmp_path, document) as run:
        assert run.finish() == 1
    faults = {f["name"]: (f["proof"], f["evidence"]) for f in harness.record(run)["faults"]}
    assert faults["act"] == ("vacuous", "the action was never started")
    assert "act" not in [e.get("fault") for e in run.named("effective")]


def test_a_prober_that_was_stopped_beside_a_healthy_service_neither_fails_nor_stops_the_run(
    service: Service, tmp_path: Path
) -> None:
    """Three times 0.9 s, with a timeout of less: what it sent late is no word about the service."""
    traffic = [{"name": "front", "url": "${url}/health", "rate": 50, "timeout": "800ms"}]
    objectives = [
        {"name": "availability", "indicator": "front", "target": "99%"},
        {"name": "latency", "indicator": "front", "target": "99%", "threshold": "300ms"},
    ]
    abort = [
        {"error_ratio": {"indicator": "front", "above": "10%", "over": "2s"}},
        {"evidence": {"objective": "availability"}},
        {"latency": {"indicator": "front", "percentile": 95, "above": "500ms", "over": "5s"}},
    ]
    document = experiment(
        service,
        traffic=traffic,
        objectives=objectives,
        abort=abort,
        method=[http("break", "/break", pauses={"after": 9})],
    )
    with started(tmp_path, document) as run:
        run.until("injected")
        prober = run.pids()["prober"]
        for _ in range(3):
            time.sleep(1.5)
            os.kill(prober, signal.SIGSTOP)
            time.sleep(0.9)
            os.kill(prober, signal.SIGCONT)
        assert run.finish() == 4
        kept = harness.record(run)
    assert kept["verdict"] == "INCONCLUSIVE"
    assert [(o["verdict"], o["bad"]) for o in kept["objectives"]] == [("INCONCLUSIVE", 0)] * 2
    assert all(o["sentence"].startswith("the prober was starved: it sent 1") for o in kept["objectives"])
    assert not run.named("effective")
