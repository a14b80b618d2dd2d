"""Figures of a run go where they are asked to, and nothing is imported, started or in the way where they are not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.journeys import harness
from tests.journeys.harness import ROOT, Service, experiment, http, started
from tests.telemetry.backend import backend

SETTINGS = ("CHAOS_RUN_TEXTFILE", "CHAOS_RUN_PUSHGATEWAY", "OTEL_EXPORTER_OTLP_ENDPOINT")
LIBRARIES = ("prometheus_client", "opentelemetry", "apprise")


def quick(service: Service, **block: object) -> harness.Json:
    windows = {"baseline": "600ms", "recovery": "20s", "stable": "300ms"}
    hardly_any = [
        {"name": "availability", "indicator": "front", "target": "1%"}
    ]  # on a busy machine it is broken for longer
    given = {"windows": windows, "objectives": hardly_any, **block}
    return experiment(service, method=[http("break", "/break")], **given)


def test_a_run_is_told_to_prometheus_and_to_a_collector_when_it_is_on_record(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "chaos.prom"
    with backend() as both:
        for name, value in zip(SETTINGS, (str(file), both.url, both.url), strict=True):
            monkeypatch.setenv(name, value)
        with started(tmp_path, quick(service)) as run:
            assert run.finish() == 0, run.stderr()
    record = harness.record(run)
    (ended,) = next(
        f for f in text_string_to_metric_families(file.read_text()) if f.name.endswith("_timestamp_seconds")
    ).samples
    assert ended.value == datetime.fromisoformat(record["ended"]).timestamp()
    assert ended.labels == {"experiment": "a journey", "service": "journey", "context": "none"}
    assert len(both.pushed) == 1
    root, *others = both.spans
    marks = sorted(round(datetime.fromisoformat(m["at"]).timestamp() * 1e6) for m in record["marks"])
    assert [round(e.time_unix_nano / 1e3) for e in root.events] == marks
    assert [s.name for s in others] == [
        *("baseline", "inject", "undo", "recover", "judge"),
        *("break", "undo: end the processes of the method", "undo: mend"),
    ]
    lines = [json.loads(line) for line in (run.folder / "notifications.jsonl").read_text().splitlines()]
    assert [(line["channel"], line["delivered"]) for line in lines] == [
        *[("textfile", True), ("pushgateway", True), ("otlp", True)]
    ]
    shown = subprocess.run(
        [sys.executable, "-m", "runner", "show", "last"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"trace       {root.trace_id.hex()}" in shown.stdout


def test_a_run_that_nobody_wants_figures_of_imports_none_of_their_libraries(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "quiet.json"
    file.write_text(json.dumps(quick(service, traffic=[], objectives=[])))
    program = (
        "import sys; from runner.cli.main import app, entry; code = entry(sys.argv[1:], app, 'chaos-run');"
        f"print(code, [m for m in sys.modules if m.startswith({(*LIBRARIES, 'runner.telemetry', 'runner.notify')})])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "run", str(file), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "4 []", "it went as far as a verdict, undecided for want of traffic"


@pytest.mark.parametrize(("setting", "value"), [(SETTINGS[0], "{}/chaos.prom"), (SETTINGS[2], "http://127.0.0.1:1")])
def test_a_library_that_is_not_installed_is_known_before_anything_is_broken(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(MISSING)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    monkeypatch.setenv(setting, value.format(tmp_path))
    with started(tmp_path, quick(service)) as run:
        assert run.finish() == 2
        error, hint = run.stderr().splitlines()
    assert setting in error
    assert "pip install 'chaos-run[telemetry]'" in hint
    assert service.get("/log") == ""


MISSING = """
import sys
class Missing:
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] in ("prometheus_client", "opentelemetry"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing)
"""
