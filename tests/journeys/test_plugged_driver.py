"""A fault driver from another package, the one that CONTRIBUTING shows: plan, run, guard of what stays and crash know it as one of ours."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from runner.rundir.ledger import Ledger
from tests.faults.test_conformance import EXAMPLE
from tests.journeys import harness
from tests.journeys.harness import Json, Service, experiment, started
from tests.journeys.test_commands import _file, chaos_run
from tests.waiting import until

ACTION = """
import json, os
from pathlib import Path

def turn_off(name: str) -> str:
    path = Path(os.environ["FLAGS"])
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: False}))
    return f"{name} is off"
"""


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The flags, with the package installed beside."""
    site, path = tmp_path / "site", tmp_path / "flags.json"
    package, info = site / "flags", site / "flags_driver-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text("")
    (package / "actions.py").write_text(ACTION)
    (package / "driver.py").write_text(EXAMPLE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flags-driver\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[chaos_run.faults]\nflags = flags.driver:Driver\n")
    path.write_text(json.dumps({"checkout": True, "search": True}))
    monkeypatch.setenv("FLAGS", str(path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return path


def turn_off(name: str, after: float) -> Json:
    provider = {"type": "python", "module": "flags.actions", "func": "turn_off", "arguments": {"name": name}}
    return {"type": "action", "name": "turn it off", "provider": provider, "pauses": {"after": after}}


def document(service: Service, name: str = "checkout", after: float = 2, **block: object) -> Json:
    asked = {"accept_environment": ["turn it off"], **block}
    return experiment(service, method=[turn_off(name, after)], rollbacks=[], **asked)


def test_the_plan_names_its_target_and_its_undo_and_the_policy_is_asked(
    flags: Path, service: Service, tmp_path: Path
) -> None:
    plan = chaos_run("plan", _file(tmp_path, "x.json", document(service)))
    assert plan.returncode == 0, plan.stderr
    assert "flag/checkout" in plan.stdout
    assert "set the flag checkout to True again" in plan.stdout
    refused = chaos_run("plan", _file(tmp_path, "y.json", document(service, accept_environment=[])))
    assert refused.returncode == 3
    assert f"strikes flags {flags}, which is not on the sandbox allowlist" in refused.stderr


def test_it_is_confirmed_put_back_and_searched_for_residue(flags: Path, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, document(service)) as run:
        run.until("effective", fault="turn it off")
        assert json.loads(flags.read_text())["checkout"] is False
        assert run.finish() == 0, run.stderr()
    kept = harness.record(run)
    assert json.loads(flags.read_text()) == {"checkout": True, "search": True}
    assert [(f["targets"], f["proof"]) for f in kept["faults"]] == [(["flag/checkout"], "proven")]
    assert [(u["what"], u["state"]) for u in kept["undo"] if u["step"]] == [
        ("set the flag checkout to True again", "undone")
    ]


def test_a_flag_that_is_not_there_is_no_target(flags: Path, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, document(service, "typo")) as run:
        assert run.finish() == 4
    assert [f for f in harness.record(run)["findings"] if "no target matches turn it off" in f["message"]]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found by their marks")
def test_parent_and_worker_killed_it_is_put_back_all_the_same(flags: Path, service: Service, tmp_path: Path) -> None:
    with started(tmp_path, document(service, after=60)) as run:
        run.until("effective", fault="turn it off")
        run.kill("worker", "parent")
        until(lambda: '"checkout": true' in flags.read_text(), "a surviving process undoes")
        until(lambda: not Ledger(run.folder).outstanding(), "the ledger is settled")
        until(lambda: (run.folder / "record.json").exists(), "the run is on record")
