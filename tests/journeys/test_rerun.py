"""A run again: the same file with the same variables, what differs said first, and both side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.journeys.harness import ROOT, Service, experiment, http, python, record, started

WINDOWS = {"baseline": "600ms", "recovery": "20s", "stable": "300ms"}


def _command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runner", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_a_run_is_repeated_from_anywhere_with_what_differs_said_before_the_fault(
    service: Service, tmp_path: Path
) -> None:
    document = experiment(service, method=[http("break", "/break", pauses={"after": 1})], windows=WINDOWS)
    document["configuration"]["note"] = "none"
    document["method"].append(python("draw", "draw"))
    with started(tmp_path, document, "--var", "note=hello", "--label", "team=a") as first:
        assert first.finish() in (0, 1)
        then = record(first)
    document["method"][0]["pauses"]["after"] = 0.5
    (tmp_path / "experiment.json").write_text(json.dumps(document))
    done = _command("rerun", then["run"][:20], "--json", "--label", "team=b", cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    differs = [(e["what"], e["before"], e["after"]) for e in events if e["event"] == "differs"]
    assert differs == [("method[0].pauses.after", "1", "0.5"), ("label team", "a", "b")]
    names = [e["event"] for e in events]
    assert names.index("differs") < names.index("injected")
    assert events[0]["labels"] == {"team": "b"}
    drawn = [e["output"] for e in (*first.events, *events) if e.get("activity") == "draw" and e["state"] == "succeeded"]
    assert drawn[0] == drawn[1], "the same seed"
    assert "pod-" in str(drawn[0])
    again = json.loads(_command("show", "last", "--json", cwd=tmp_path).stdout)
    assert again["asked"]["rerun_of"] == then["run"]
    assert again["asked"]["variables"] == then["asked"]["variables"] == {"note": "hello"}
    assert again["asked"]["seed"] == then["asked"]["seed"]
    side = _command("compare", then["run"], again["run"], cwd=tmp_path).stdout
    assert "method[0]" in side
    assert max(map(len, side.splitlines())) <= 80
