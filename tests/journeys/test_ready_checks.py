"""Ready checks in a run: they guard, they judge, they are kept; and where one cannot be read, nothing is good."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from runner.cli import main
from tests.journeys.harness import Json, Run, Service, experiment, http, started


def checked(service: Service, mark: Path, pause: float, **block: Any) -> Json:
    """The fault breaks the service and takes away the file by which its batch says that it is done; no traffic of ours."""
    take = {"type": "process", "path": "rm", "arguments": ["-f", str(mark)]}
    remove = {"type": "action", "name": "take away", "provider": take, "pauses": {"after": pause}}
    batch = {
        "check": "batch_file_late",
        "name": "batch",
        "every": "1s",
        "arguments": {"file": str(mark), "by": "06:00"},
    }
    ours = {"traffic": None, "objectives": None, "checks": [batch], "windows": {"baseline": "1s", "recovery": "1s"}}
    return experiment(service, method=[http("break", "/break"), remove], **(ours | block))


def test_a_check_that_turns_bad_stops_the_run_and_everything_is_put_back(service: Service, tmp_path: Path) -> None:
    mark = tmp_path / "done"
    mark.touch()
    guard = [{"check": {"indicator": "batch", "for": "1s"}}]
    with started(tmp_path, checked(service, mark, 60, abort=guard)) as run:
        assert run.finish() == 5
    assert not service.broken
    (breach,) = run.named("breach")
    assert breach["sentence"].startswith("batch: bad for 1s: time since the batch had to be done: ")
    lines = [json.loads(line) for line in (run.folder / "batch.counts.jsonl").read_text().splitlines()]
    assert lines[0]["check"] == "batch_file_late"
    assert [lines[1]["good"], lines[-1]["good"]] == [1, 0]
    assert lines[-1]["said"].startswith("bad: ")


def test_a_check_that_cannot_be_read_at_the_start_keeps_the_fault_out(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, checked(service, tmp_path / "nowhere" / "done", 1)) as run:
        assert run.finish() == 7
        assert "the check batch cannot be read: there is no folder" in run.stderr()
    assert not service.broken


def test_a_check_that_is_bad_before_keeps_the_fault_out(service: Service, tmp_path: Path) -> None:
    guard = [{"check": {"indicator": "batch"}}]
    with started(tmp_path, checked(service, tmp_path / "done", 1, abort=guard)) as run:
        assert run.finish() == 4
    assert not run.named("injected")
    assert (
        "the baseline does not hold (batch: bad: time since the batch had to be done"
        in run.named("finding")[-1]["message"]
    )


def test_a_check_that_is_read_no_more_stops_the_run(service: Service, tmp_path: Path) -> None:
    mark = tmp_path / "done"
    mark.touch()
    with started(tmp_path, checked(service, mark, 60)) as run:
        run.until("injected")
        os.kill(_checker(run), signal.SIGKILL)
        assert run.finish() == 5
    assert not service.broken
    (breach,) = run.named("breach")
    assert breach["sentence"].startswith("no data for 10s: batch: it was last read ")
    assert "the process that reads the checks ended with signal SIGKILL" in breach["sentence"]


def _checker(run: Run) -> int:
    children = psutil.Process(run.process.pid).children(recursive=True)
    return next(child.pid for child in children if "runner.probe.checks.checker" in child.cmdline())


def test_readings_are_judged_and_judged_again(service: Service, tmp_path: Path, capsys: Any) -> None:
    mark = tmp_path / "done"
    mark.touch()
    goal = [{"name": "in time", "indicator": "batch", "target": "50%"}]
    with started(tmp_path, checked(service, mark, 6, objectives=goal)) as run:
        assert run.finish() == 1
    (found,) = run.verdict["objectives"]
    assert found["verdict"] == "FAIL"
    assert found["total"] - found["bad"] <= 1, "one reading may fall between the break and the file's end"
    assert found["bad"] >= 5
    assert main.entry(["judge", str(run.verdict["run"])], main.app, "chaos-run") == 1
    assert f"{found['bad']}/{found['total']}" in capsys.readouterr().out


def test_plain_chaos_toolkit_asks_the_same(tmp_path: Path) -> None:
    """Met while the batch is done; not met while it is late, and not where nobody can tell."""
    done = tmp_path / "done"
    done.touch()
    cases = {"met": str(done), "late": str(tmp_path / "none"), "unknown": str(tmp_path / "nowhere" / "done")}
    assert {name: _plain(tmp_path / f"{name}.json", file) for name, file in cases.items()} == {
        "met": True,
        "late": False,
        "unknown": False,
    }


def _plain(path: Path, file: str) -> bool:
    """Whether the hypothesis, a check, was met in a run of `chaos run`."""
    provider = {"type": "python", "module": "runner.probe.checks", "func": "batch_file_late"}
    arguments = {"file": file, "by": "06:00"}
    probe = {"type": "probe", "name": "batch", "tolerance": {"type": "regex", "pattern": "^good"}}
    hypothesis = {"title": "h", "probes": [probe | {"provider": provider | {"arguments": arguments}}]}
    found = {"title": "t", "description": "d", "steady-state-hypothesis": hypothesis, "method": [], "rollbacks": []}
    path.write_text(json.dumps(found))
    journal = path.with_suffix(".journal")
    chaos = str(Path(sys.executable).with_name("chaos"))
    command = [chaos, "--no-version-check", "--no-log-file", "run", "--journal-path", str(journal), str(path)]
    subprocess.run(command, cwd=path.parent, capture_output=True, check=False, timeout=60)
    states = json.loads(journal.read_text())["steady_states"]
    return bool((states["before"] or {}).get("steady_state_met"))
