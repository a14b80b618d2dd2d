"""The commands around a run: plan changes nothing, a gate judges several, stop and ack reach a run from another terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.journeys import harness
from tests.journeys.harness import ROOT, Service, experiment, http, started
from tests.waiting import PATIENCE_S


def chaos_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runner", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False
    )


def _file(folder: Path, name: str, document: harness.Json) -> str:
    path = folder / name
    path.write_text(json.dumps(document))
    return str(path)


def test_a_plan_says_everything_and_changes_nothing(service: Service, tmp_path: Path) -> None:
    file = _file(tmp_path, "plan.json", experiment(service, method=[http("break", "/break")]))
    first, second = chaos_run("plan", file), chaos_run("plan", file)
    assert first.returncode == 0, first.stderr
    assert "mend" in first.stdout
    assert "Nothing was changed" in first.stdout
    assert first.stdout == second.stdout, "the same plan has the same hash"
    assert service.get("/log") == ""
    runs = tmp_path / "state" / "chaos-run" / "runs"
    assert not list(runs.iterdir()), "a plan leaves no run behind"


def test_a_guard_too_short_to_mean_anything_is_refused_with_the_length_it_needs(
    service: Service, tmp_path: Path
) -> None:
    abort = [{"error_ratio": {"indicator": "front", "above": "1%", "over": "2s"}}]
    done = chaos_run(
        "run", _file(tmp_path, "short.json", experiment(service, method=[http("break", "/break")], abort=abort))
    )
    assert done.returncode == 3
    assert "needs >= 20 s" in done.stderr
    assert service.get("/log") == ""


def test_a_gate_takes_the_worst_and_writes_a_case_for_each_objective(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    folder.mkdir()
    quick = {"windows": {"baseline": "600ms", "recovery": "20s", "stable": "300ms"}}
    _file(folder, "a-pass.json", experiment(service, method=[http("break", "/break", pauses={"after": 1})], **quick))
    _file(
        folder, "b-nothing.json", experiment(service, method=[http("not-there", "/", "probe", tolerance=200)], **quick)
    )
    junit, summary = tmp_path / "out.xml", tmp_path / "out.md"
    done = chaos_run("gate", str(folder), "--junit", str(junit), "--summary", str(summary))
    assert done.returncode == 4, done.stderr
    suites = ET.parse(junit).getroot()
    cases = [c.get("name") or "" for c in suites.iter("testcase")]
    assert sum("availability" in c for c in cases) == 2
    assert "PASS" in summary.read_text()
    assert "INCONCLUSIVE" in summary.read_text()


def test_stop_ends_a_run_from_another_terminal_and_waits_until_all_is_put_back(
    service: Service, tmp_path: Path
) -> None:
    document = experiment(service, method=[http("break", "/break", pauses={"after": 60})])
    with started(tmp_path, document) as run:
        run.until("injected")
        stopped = chaos_run("stop", "--reason", "the test says so")
        assert run.finish() == 5
    assert stopped.returncode == 0, stopped.stderr
    assert not service.broken
    assert "the test says so" in run.verdict["sentence"]


def test_ack_marks_the_run_as_detected_by_a_person(service: Service, tmp_path: Path) -> None:
    traffic = [{"name": "front", "url": "${url}/", "rate": 50, "timeout": "1s"}]
    document = experiment(service, traffic=traffic, method=[http("break", "/break", pauses={"after": 60})])
    with started(tmp_path, document) as run:
        run.until("effective")
        assert chaos_run("ack", "--note", "pager rang").returncode == 0
        detected = run.until("detected")
        run.process.terminate()
        run.finish()
    assert detected["source"] == "person"
    assert "pager rang" in detected["by"]
    assert 0 < run.verdict["ttd_s"] < PATIENCE_S


def test_what_people_do_and_see_is_in_the_record_and_only_what_they_did_to_the_fault_is_a_mark(
    service: Service, tmp_path: Path
) -> None:
    traffic = [{"name": "front", "url": "${url}/", "rate": 50, "timeout": "1s"}]
    windows = {"baseline": "6s", "recovery": "20s", "stable": "500ms"}  # one of them speaks before it is over
    method = [http("break", "/break", pauses={"after": 60})]
    document = experiment(service, traffic=traffic, windows=windows, method=method)
    assert chaos_run("mitigated").returncode == 2, "there is no run to speak of"
    with started(tmp_path, document) as run:
        run.until("phase", phase="baseline")
        assert chaos_run("mitigated", "--by", "ann", "--note", "too early").returncode == 0
        run.until("effective")
        for command in (
            ("ack", "--by", "bob"),
            ("note", "--by", "ann", "the pager was silent"),
            ("mitigated", "--by", "bob"),
        ):
            assert chaos_run(*command).returncode == 0
        run.until("finding", message="mitigated, reported by bob")
        run.process.terminate()
        run.finish()
    kept = harness.record(run)
    people = [(m["name"], m["source"]) for m in kept["marks"] if m["source"].startswith("person: ")]
    assert people == [("acknowledged", "person: bob"), ("mitigated", "person: bob")]
    messages = [f["message"] for f in kept["findings"]]
    assert "ann reported a mitigation before anything was injected: too early" in messages
    assert "ann noted: the pager was silent" in messages
    assert "mitigated, reported by bob" in messages


def test_two_runs_on_one_target_never_overlap(service: Service, tmp_path: Path) -> None:
    document = experiment(service, method=[http("break", "/break", pauses={"after": 60})])
    with started(tmp_path, document) as run:
        run.until("baseline")
        second = chaos_run("run", _file(tmp_path, "second.json", document), "--json")
        assert second.returncode == 3
        assert run.events[0]["run"] in second.stderr
        assert chaos_run("stop", run.events[0]["run"]).returncode == 0
        run.finish()
    assert service.get("/log") == "/break /mend"


def test_an_unknown_context_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: production\n"
        "contexts: [{name: production, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n"
    )
    done = chaos_run("run", "experiments/pod-kill.yaml", "--kubeconfig", str(kubeconfig))
    assert done.returncode == 3
    assert "production" in done.stderr
    runs = tmp_path / "state" / "chaos-run" / "runs"
    assert not list(runs.iterdir())


@pytest.mark.slow("plain Chaos Toolkit plays two whole experiments on a playground")
@pytest.mark.parametrize("name", ["pod-kill.yaml", "node-drain.yaml"])
def test_plain_chaos_runs_the_shipped_files(name: str, tmp_path: Path) -> None:
    """The same file, the stock runner: it passes there too, with less protection."""
    up = chaos_run("playground", "up", "--json")
    assert up.returncode == 0, up.stderr
    state = json.loads(up.stdout)
    try:
        document = harness.shortened(ROOT / "experiments" / name)
        file = _file(tmp_path, "plain.json", document)
        env = {**os.environ, "KUBECONFIG": state["kubeconfig"], "SHOP_URL": state["urls"]["shop"]}
        command = [str(Path(sys.executable).parent / "chaos"), "--no-version-check", "--no-log-file", "run", file]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        journal = json.loads((tmp_path / "journal.json").read_text())
        assert journal["status"] == "completed"
        assert [r["status"] for r in journal["run"]] == ["succeeded"] * len(journal["run"])
    finally:
        chaos_run("playground", "down")


def test_a_plan_says_what_stops_the_run_and_what_is_expected_of_it(service: Service, tmp_path: Path) -> None:
    expect = {"notified_within": "2m", "resolved_within": "5m", "alert": "ShopErrors", "alerts": ["missing"]}
    document = experiment(service, method=[http("break", "/break")], abort=None, expect=expect)
    said = chaos_run("plan", _file(tmp_path, "endless.json", document)).stdout
    for words in (
        "longer than 1h",
        "a notification within 2m",
        "resolved within 5m",
        "ShopErrors fires first",
        "missing",
    ):
        assert words in said


def test_a_cluster_action_that_is_not_in_our_table_is_locked_scanned_and_judged_all_the_same(tmp_path: Path) -> None:
    provider = {
        "type": "python",
        "module": "chaosk8s.replicaset.actions",
        "func": "delete_replica_set",
        "arguments": {"ns": "shop", "label_selector": "app=shop"},
    }
    document = {
        "title": "a stock action",
        "description": "made by a test",
        "configuration": {"url": {"type": "env", "key": "SHOP_URL", "default": "http://127.0.0.1:1"}},
        "method": [{"type": "action", "name": "delete", "provider": provider, "pauses": {"after": 3}}],
        "rollbacks": [],
        "extensions": [
            {
                "name": "chaos-run",
                "traffic": [{"name": "front", "url": "${url}/", "rate": 100, "timeout": "1s"}],
                "objectives": [{"name": "availability", "indicator": "front", "target": "99%"}],
                "windows": {"baseline": "1s", "recovery": "20s", "stable": "1s"},
            }
        ],
    }
    with started(tmp_path, document, "--playground") as run:
        run.until("injected")
        second = chaos_run("plan", _file(tmp_path, "same.json", document), "--playground")
        assert "shop/chaos-run" in second.stdout
        assert run.finish() == 1, run.stderr()
    assert run.named("undone")[0]["clean"]
    assert run.named("effective"), "the pods of the replica set were really gone"
