"""A new guard is one file: put into `runner/slo/guards/` of a copy of the tree, it is known everywhere by its own words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.harness import ROOT, Json, Service, experiment, http, record, started

GUARD = '''
"""`request_count`: an indicator had too many requests."""

from dataclasses import dataclass
from typing import Annotated

from runner.slo.guard import Bound, Evaluator, Guard, Observed, Reading, Unit
from runner.slo.objective import FAILED


@dataclass(frozen=True)
class RequestCount(Guard):
    """Abort when an indicator had more requests than that."""

    key = "request_count"
    unit = Unit.COUNT
    users_hurt = True

    indicator: str
    most: Annotated[int, Bound(least=10)]
    """Requests since the injection."""

    @property
    def sentence(self) -> str:
        return f"{self.indicator}: more than {self.most} requests"

    def evaluator(self, seen: Observed) -> Evaluator:
        series = seen.series[self.indicator]

        def evaluate(now_ns: int) -> Reading:
            count = series.tally(FAILED, seen.started_ns).decided
            return Reading(count, self.most, count / self.most, f"{count} so far", now_ns if count > self.most else None)

        return evaluate
'''


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the program with one more file."""
    found = tmp_path / "tree"
    shutil.copytree(ROOT / "runner", found / "runner", ignore=shutil.ignore_patterns("__pycache__"))
    (found / "runner/slo/guards/request_count.py").write_text(GUARD)
    return found


def said(tree: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "runner", *words],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def asking(service: Service, **condition: object) -> Json:
    return experiment(
        service, abort=[{"request_count": condition}], method=[http("break", "/break", pauses={"after": 30})]
    )


def test_one_file_makes_a_guard_that_plan_abort_and_record_say_alike(
    service: Service, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tree))  # of the run and its children
    document = asking(service, indicator="front", most=60)
    sentence = "front: more than 60 requests"
    with started(tmp_path, document, cwd=tree) as run:
        assert run.finish() == 5
        kept = record(run)
    assert sentence in said(tree, "plan", str(tmp_path / "experiment.json"))
    (breach,) = run.named("breach")
    assert breach["rule"] == "request_count"
    assert breach["sentence"].startswith(f"{sentence}: 6")
    assert run.named("abort")[0]["sentence"] == breach["sentence"]
    assert breach["sentence"] in kept["sentence"]
    assert run.named("effective"), "it says that users were hurt"


def test_its_keys_are_checked_as_the_class_says(service: Service, tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "experiment.json"
    file.write_text(json.dumps(asking(service, indicator="font", most=5, over="1s")))
    found = said(tree, "validate", str(file))
    for words in ("there is no traffic 'font'", "unknown key 'over'", "greater than or equal to 10, not the number 5"):
        assert words in found
    schema = json.loads(said(tree, "schema", "block"))["$defs"]
    assert schema["RequestCount"]["properties"]["most"]["description"] == "Requests since the injection."
    assert schema["AbortRule"]["properties"]["request_count"]["description"].startswith("Abort when an indicator had")
