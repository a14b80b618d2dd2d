"""What somebody meets who uses it for the first time: clear words for every mistake, and a picture that fits the moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli import main
from runner.playground import start
from runner.rundir import paths
from tests.journeys import harness
from tests.journeys.harness import ROOT, Service, experiment, http, started


def chaos_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)


POD_KILL = str(ROOT / "experiments" / "pod-kill.yaml")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "hello.yaml"], 2, "an experiment is a mapping"),
        (["run", "."], 2, "chaos-run gate"),
        (["run", "nothing.yaml"], 2, "there is no file"),
        (["run", POD_KILL, "--var", "nonsense"], 2, "--var name=value"),
        (["run", POD_KILL, "--kubeconfig", "hello.yaml"], 2, "is not a kubeconfig"),
        (["run", POD_KILL, "--report", "none/r.html"], 2, "the report cannot be written"),
        (["run", POD_KILL, "--store", "foo://bar"], 2, "not a database URL"),
        (["show", "2099"], 2, "chaos-run history"),
        (["history", "--since", "yesterday"], 2, "7d"),
    ],
)
def test_a_mistake_is_one_clear_error(
    words: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hello.yaml").write_text("hello")
    assert main.entry(words, main.app, "chaos-run") == code
    assert said in capsys.readouterr().err


def test_a_url_that_nothing_answers_is_named_with_the_reason(
    service: Service, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    traffic = [{"name": "front", "url": url, "rate": 50, "timeout": "1s"}]
    with started(tmp_path, experiment(service, method=[http("break", "/break")], traffic=traffic)) as run:
        assert run.finish() == 4
    assert url in run.verdict["sentence"]
    assert " refused" in run.verdict["sentence"]
    assert service.get("/log") == ""


def test_show_says_how_far_a_live_run_is(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, experiment(service, method=[http("break", "/break", pauses={"after": 60})])) as run:
        run.until("injected")
        shown = chaos_run("show", run.events[0]["run"])
        run.process.terminate()
        run.finish()
    assert "is running, phase: fault" in shown.stdout
    assert "injected break" in shown.stdout


def test_ctrl_c_in_the_recovery_ends_the_wait_for_it(service: Service, tmp_path: Path) -> None:
    windows = {"baseline": "1s", "recovery": "100s", "stable": "90s"}
    document = experiment(service, method=[http("break", "/break", pauses={"after": 1})], windows=windows)
    with started(tmp_path, document) as run:
        run.until("phase", phase="recover")
        run.process.send_signal(signal.SIGINT)
        assert run.finish() == 5
    assert not service.broken
    assert "recovery wait skipped: interrupted by Ctrl-C" in run.verdict["findings"]


def test_a_playground_that_is_up_serves_the_run_and_stays(tmp_path: Path) -> None:
    document = harness.shortened(ROOT / "experiments" / "pod-kill.yaml")
    document["extensions"][0]["windows"] = {"baseline": "2s", "recovery": "20s", "stable": "1s"}
    file = tmp_path / "short.json"
    file.write_text(json.dumps(document))
    assert chaos_run("playground", "up").returncode == 0
    found = start.read(paths.playground_dir())
    assert found is not None
    try:
        done = chaos_run("run", str(file), "--playground", "--json")
        assert found.alive()
        verdict = json.loads(done.stdout.splitlines()[-1])
        assert verdict["targets"], done.stderr
        assert f"to {found.urls['shop']}" in chaos_run("plan", str(file), "--kubeconfig", str(found.kubeconfig)).stdout
    finally:
        chaos_run("playground", "down")
    assert not found.alive()
    assert os.environ["XDG_STATE_HOME"] in str(found.kubeconfig)
