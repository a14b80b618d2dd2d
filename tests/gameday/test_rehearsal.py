"""A whole GameDay on the real engine: quarterly.sh plays two experiments against a real service and reports what happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gameday import record
from runner.store import Store
from tests.gameday.test_quarterly import SCRIPT
from tests.journeys import harness
from tests.journeys.harness import Service, experiment, http

SCENARIO = """\
title: Felt and not felt
service: journey
roles:
  owner: {may_stop: true}
  operator: {}
steps:
  - {name: not-felt, experiment: calm.json, recover_within: 5s, at: 1m}
  - {name: felt, experiment: felt.json, recover_within: 5s, at: 2m}
fast: {factor: 0.001}
"""


@pytest.fixture
def service(free_port: Callable[[], int]) -> Iterator[Service]:
    with harness.service(free_port()) as running:
        yield running


@pytest.fixture
def scenario(service: Service, tmp_path: Path) -> Path:
    felt = {
        "traffic": [{"name": "front", "url": "${url}/", "rate": 100, "timeout": harness.UNHURRIED}],
        "objectives": [{"name": "availability", "indicator": "front", "target": "99%"}],
    }
    broken = [http("break", "/break", pauses={"after": 3})]
    (tmp_path / "calm.json").write_text(json.dumps(experiment(service, method=broken)))
    (tmp_path / "felt.json").write_text(json.dumps(experiment(service, method=broken, **felt)))
    path = tmp_path / "day.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.mark.slow("two runs with traffic, one after the other, and the pages of the day")
def test_a_rehearsal_plays_every_step_measures_recovery_and_writes_the_summary(
    service: Service, scenario: Path, tmp_path: Path
) -> None:
    command = Path(sys.executable).with_name("gameday")
    done = subprocess.run(
        [SCRIPT, "--now", str(scenario), "--fast", "--out", str(tmp_path / "out")],
        env={**os.environ, "GAMEDAY": str(command)}, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert not service.broken
    day = record.read("last")
    assert (day.verdict, day.state, [s.verdict for s in day.steps]) == ("FAIL", "finished", ["PASS", "FAIL"])
    assert [s.recovery for s in day.steps] == ["no impact", "met"]
    with Store.open() as store:
        assert {store.get(s.run).gameday for s in day.steps} == {day.id}
    page = next((tmp_path / "out").glob("*.html")).read_text()
    assert page.count('<svg class="plot"') == 2
    assert "felt.json" in page
