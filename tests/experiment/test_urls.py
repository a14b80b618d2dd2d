"""A URL that is not whole yet is no error, and has no known proxy; one that can never be one is said before anything is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.engine.preflight import target_environment
from runner.engine.preflight.target_environment import Surroundings
from runner.experiment import load
from runner.experiment.findings import BrokenExperiment
from runner.probe import proxies
from tests.journeys.test_commands import chaos_run

AROUND = {"ALL_PROXY": "http://proxy:3128"}
BROKEN = ["http://[::1:8080/", "http://127.0.0.1:port/", "http://127.0.0.1:99999/"]
LATER = ["http://[${pod_ip}]:8080/", "http://127.0.0.1:$port/", "$shop/page", "http://${host}/", "$all"]
ASKED = {"type": "probe", "name": "asks", "provider": {"type": "process", "path": "echo", "arguments": ["8080"]}}


def document(url: str, configuration: dict[str, Any]) -> dict[str, Any]:
    probe = {"type": "probe", "name": "shop", "tolerance": 200, "provider": {"type": "http", "url": url}}
    hypothesis = {"title": "h", "probes": [probe]}
    method = [{"type": "action", "name": "a", "provider": {"type": "process", "path": "true"}}]
    tree = {"title": "t", "description": "d", "steady-state-hypothesis": hypothesis, "method": method}
    return {**tree, "configuration": configuration}


def file(folder: Path, url: str, **configuration: Any) -> str:
    path = folder / "x.json"
    path.write_text(json.dumps(document(url, configuration)), "utf-8")
    return str(path)


@pytest.mark.parametrize("url", LATER)
def test_what_is_not_known_yet_goes_through_no_known_proxy(url: str) -> None:
    assert proxies.of(url, AROUND) is None


def test_a_name_behind_the_host_hides_no_proxy() -> None:
    assert proxies.of("http://shop/$page", AROUND) is not None


@pytest.mark.parametrize("url", BROKEN)
def test_what_is_no_url_is_said_and_nowhere_a_traceback(tmp_path: Path, url: str) -> None:
    with pytest.raises(BrokenExperiment, match=r"the probe .shop. calls .* which is no URL: "):
        load.load(file(tmp_path, url))
    with pytest.raises(errors.UsageError, match="is no URL"):
        proxies.of(url, AROUND)


def test_traffic_has_a_url(tmp_path: Path) -> None:
    tree = document("http://127.0.0.1/", {})
    tree["extensions"] = [{"name": "chaos-run", "service": "x", "traffic": [{"name": "front", "url": BROKEN[0]}]}]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(tree), "utf-8")
    with pytest.raises(BrokenExperiment, match="is no URL: Invalid IPv6 URL"):
        load.load(str(path))


@pytest.mark.parametrize("url", ["http://127.0.0.1:$port/", "http://[${port}]:8080/"])
def test_a_playground_that_nobody_asked_for_waits_for_what_a_probe_says(tmp_path: Path, url: str) -> None:
    implicit = Surroundings(
        context="", environment="sandbox", lifeline=-1, note="taken", urls=("http://127.0.0.1:8080",)
    )
    target_environment.require_home(implicit, load.load(file(tmp_path, url, port=ASKED)))
    with pytest.raises(errors.UsageError, match=r"is no URL|is not in the playground"):
        target_environment.require_home(implicit, load.load(file(tmp_path, url, port="nowhere")))


def test_the_command_line_says_it_in_a_line(tmp_path: Path) -> None:
    asked = file(tmp_path, LATER[0], pod_ip=ASKED)
    plan = chaos_run("plan", asked, "--no-cluster")
    assert plan.returncode == 0, plan.stderr
    refused = chaos_run("run", "http://[::1/x.yaml")
    assert refused.returncode == 2
    assert "http://[::1/x.yaml is no URL: Invalid IPv6 URL" in refused.stderr
    assert "Traceback" not in refused.stderr
