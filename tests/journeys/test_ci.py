"""The scripts of the GitHub action and of the GitLab template, as a CI runs and cancels them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from tests.journeys.harness import ROOT, Json, Service, experiment, http

TERM_AFTER_S, KILL_AFTER_S = 7.5, 2.5
"""GitHub's runner sends INT to the step's shell and nobody else, then TERM after 7.5 s, then KILL after 2.5 s more."""


def read(name: str) -> Any:
    return YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))


ACTION = {step["name"]: step for step in read("action.yml")["runs"]["steps"]}
GITLAB = read("ci/gitlab.yml")[".chaos-run"]


class Job:
    """A CI's job in a folder of its own: its steps share the folder and the environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "job"
        self.results = self.folder / "chaos-run-results"
        self.results.mkdir(parents=True)
        self.output, self.page = folder / "output", folder / "page"
        command = folder / "chaos-run"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m runner "$@"\n')
        command.chmod(0o755)
        self.env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CHAOS_RUN": str(command),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.page),
            "RESULTS": self.results.name,
            "XDG_STATE_HOME": str(self.results / "state"),
            **dict.fromkeys(("EXPERIMENTS", "GIVEN_KUBECONFIG", "CONTEXT", "NAMESPACE"), ""),
            **dict.fromkeys(("PLAYGROUND", "NO_CLUSTER"), "false"),
        }

    def start(self, script: str, **more: str) -> subprocess.Popen[str]:
        file = self.folder / "step.sh"
        file.write_text(script)
        return subprocess.Popen(
            ["bash", "-e", str(file)],
            cwd=self.folder,
            env=self.env | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def step(self, name: str, **more: str) -> tuple[int, str]:
        process = self.start(ACTION[name]["run"], **more)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said

    def outputs(self) -> Mapping[str, str]:
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())

    def suites(self) -> dict[str, list[str]]:
        """Types of the errors in JUnit by suite."""
        root = ET.parse(self.results / "junit.xml").getroot()
        return {s.get("name") or "": [e.get("type") or "" for e in s.iter("error")] for s in root}

    def labels(self) -> dict[str, str]:
        """Of the run, as JUnit has them."""
        root = ET.parse(self.results / "junit.xml").getroot()
        told = {str(p.get("name")): str(p.get("value")) for p in root.iter("property")}
        return {name.removeprefix("label "): value for name, value in told.items() if name.startswith("label ")}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def put(job: Job, service: Service, name: str, pause_s: float, **more: Any) -> None:
    quick = {"windows": {"baseline": "600ms", "recovery": "20s", "stable": "300ms"}}
    document = experiment(service, method=[http("break", "/break", pauses={"after": pause_s})], **quick, **more)
    folder = job.folder / "experiments"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({**document, "title": name}))


def cancel(process: subprocess.Popen[str], times: float = 1.0) -> float:
    """As GitHub does, or with more patience; how long it took."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    for number, patience_s in ((signal.SIGTERM, TERM_AFTER_S), (signal.SIGKILL, KILL_AFTER_S)):
        try:
            process.communicate(timeout=patience_s * times)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(number)
    process.communicate()
    return time.monotonic() - began


def broken(service: Service) -> None:
    service.until_broken()


def test_a_gate_that_passes_leaves_outputs_a_page_and_both_files(service: Service, job: Job) -> None:
    put(job, service, "a", 0.5)
    labels = ACTION["Gate"]["env"]["CHAOS_RUN_LABEL"]
    for expression, value in (("github.sha", "4f2a"), ("github.run_id", "17"), ("inputs.labels", "team=checkout")):
        labels = labels.replace(f"${{{{ {expression} }}}}", value)
    code, said = job.step("Gate", EXPERIMENTS="experiments", NO_CLUSTER="true", CHAOS_RUN_LABEL=labels)
    assert code == 0, said
    assert job.labels() == {"commit": "4f2a", "workflow-run": "17", "team": "checkout"}
    assert job.outputs() == {"exit-code": "0"}
    assert job.step("Summary") == (0, "")
    assert "1 of 1 experiment passed" in job.page.read_text()
    assert job.suites() == {"a": []}


def test_a_job_that_is_cancelled_undoes_before_it_ends(service: Service, job: Job) -> None:
    put(job, service, "a", 60)
    put(job, service, "b", 60)
    process = job.start(ACTION["Gate"]["run"], EXPERIMENTS="experiments", NO_CLUSTER="true")
    broken(service)
    cancel(process, times=4)  # a busy machine takes longer, and no TERM is needed
    assert not service.broken
    assert process.returncode == 5
    assert job.outputs() == {"exit-code": "5"}
    assert job.suites() == {"a": ["aborted"], "b": ["not-run"]}
    assert job.step("Put back what an ended job left") == (0, "Nothing is left open.\n")
    job.step("Summary")
    assert "NOT RUN" in job.page.read_text()
    assert service.get("/log") == "/break /mend"


def test_an_undo_that_takes_longer_than_a_ci_waits_is_waited_for_by_the_step_after(service: Service, job: Job) -> None:
    slow = {"name": "slow", "type": "action", "provider": {"type": "process", "path": "sleep", "arguments": "14"}}
    put(job, service, "a", 60)
    path = job.folder / "experiments" / "a.json"
    document: Json = json.loads(path.read_text())
    document["rollbacks"].append(slow)  # last in, first out: it comes before the one that mends
    path.write_text(json.dumps(document))
    process = job.start(ACTION["Gate"]["run"], EXPERIMENTS="experiments", NO_CLUSTER="true")
    broken(service)
    assert cancel(process) > TERM_AFTER_S + KILL_AFTER_S - 0.2
    assert process.returncode == -signal.SIGKILL
    code, said = job.step("Put back what an ended job left")
    assert code == 0, said
    assert not service.broken
    assert job.suites() == {"a": ["aborted"]}


def test_a_gate_that_dies_itself_is_put_back_by_the_step_after(service: Service, job: Job) -> None:
    put(job, service, "a", 60)
    process = job.start(ACTION["Gate"]["run"], EXPERIMENTS="experiments", NO_CLUSTER="true")
    broken(service)
    everybody = psutil.Process(process.pid).children(recursive=True)  # survivors too: as when the machine goes
    for number in (signal.SIGSTOP, signal.SIGKILL):  # at one moment: none has time to survive another
        for child in everybody:
            child.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 137
    assert service.broken
    code, said = job.step("Put back what an ended job left")
    assert (code, "every undo step succeeded" in said) == (0, True), said
    assert not service.broken
    assert job.suites() == {"a": ["unfinished"]}


def test_nothing_is_struck_that_nobody_has_named(service: Service, job: Job) -> None:
    put(job, service, "a", 0.5)
    code, said = job.step("Gate", EXPERIMENTS="experiments")
    assert code == 2
    assert "say what is to be struck" in said
    assert service.get("/log") == ""


def test_two_jobs_of_a_matrix_give_their_artefacts_different_names(job: Job) -> None:
    names = set()
    for index in ("0", "1", "1"):
        more = {"ARTIFACT": "results", "INDEX": index, "GITHUB_JOB": "gate", "ACTION": str(ROOT)}
        assert job.step("Prepare", **more)[0] == 0
        names.add(job.outputs()["artifact"])
    assert len(names) == 3
    assert all(name.startswith(("results-gate-0-", "results-gate-1-")) for name in names)


def test_what_is_installed_is_locked_and_has_nothing_of_development() -> None:
    whole, run = ((ROOT / name).read_text() for name in ("requirements.lock", "requirements-run.lock"))
    assert "runtime" in ACTION["Install chaos-run"]["run"]
    for name in ("pytest", "mypy", "ruff", "hypothesis", "moto"):
        assert f"\n{name}==" in whole
        assert f"\n{name}==" not in run
    assert {line for line in run.splitlines() if "==" in line} <= {line for line in whole.splitlines() if "==" in line}


def test_gitlab_s_script_is_ended_and_put_back_likewise(service: Service, job: Job) -> None:
    put(job, service, "a", 60)
    installed = Path(job.env["CHAOS_RUN"])
    script = "\n".join(("set -eo pipefail", *GITLAB["script"][-2:]))
    after = "\n".join(GITLAB["after_script"])
    given = {
        "CHAOS_RUN_EXPERIMENTS": "experiments",
        "CHAOS_RUN_TARGET": "--no-cluster",
        "CHAOS_RUN_RESULTS": job.results.name,
        "CHAOS_RUN_LABEL": Template(GITLAB["variables"]["CHAOS_RUN_LABEL"]).substitute(
            CI_COMMIT_SHORT_SHA="4f2a1c9e", CI_PIPELINE_ID="17", CI_JOB_ID="23"
        ),
    }
    assert "/tmp/chaos-run-env/bin/chaos-run gate" in script
    script, after = (text.replace("/tmp/chaos-run-env/bin/chaos-run", str(installed)) for text in (script, after))
    process = job.start(script, **given)
    broken(service)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 5
    assert not service.broken
    assert job.suites() == {"a": ["aborted"]}
    assert job.labels() == {"commit": "4f2a1c9e", "pipeline": "17", "job": "23"}
    ended = job.start(after, **given)
    assert ended.communicate(timeout=20)[0] == "Nothing is left open.\n"


def test_gitlab_s_script_strikes_nothing_that_nobody_has_named(job: Job) -> None:
    process = job.start("\n".join(GITLAB["script"]), CHAOS_RUN_TARGET="")
    assert "say what is to be struck" in process.communicate(timeout=10)[0]
    assert process.returncode == 2


def test_gitlab_keeps_what_the_gate_wrote_however_it_ended() -> None:
    results = GITLAB["variables"]["CHAOS_RUN_RESULTS"]
    kept = {key: str(value).replace("$CHAOS_RUN_RESULTS", results) for key, value in GITLAB["artifacts"].items()}
    assert kept["when"] == "always"
    assert kept["paths"] == f"['{results}']"
    assert f"{results}/junit.xml" in kept["reports"]
    assert '--junit "$CHAOS_RUN_RESULTS/junit.xml"' in "\n".join(GITLAB["script"])
    assert GITLAB["variables"]["XDG_STATE_HOME"].startswith("$CI_PROJECT_DIR/$CHAOS_RUN_RESULTS/"), (
        "records and reports too"
    )
