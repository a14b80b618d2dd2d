"""A file of plain Chaos Toolkit, run by `chaos run` and by us: the same happens, in the same order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HYPOTHESIS = "steady-state-hypothesis"
Json = dict[str, Any]


def writes(name: str, kind: str = "action", **extra: Any) -> Json:
    """An activity that appends its name to the file `trace`."""
    provider = {"type": "process", "path": "sh", "arguments": ["-c", f"echo {name} | tee -a $TRACE"]}
    return {"type": kind, "name": name, "provider": provider, **extra}


def document(method: list[Json], rollbacks: list[Json] | None = None, probes: list[Json] | None = None) -> Json:
    found: Json = {"title": "t", "description": "d", "method": method, "rollbacks": rollbacks or []}
    if probes is not None:
        found[HYPOTHESIS] = {"title": "h", "probes": probes}
    return found


class Play:
    """One file in a folder of its own; `trace` is what its activities and controls wrote."""

    def __init__(self, folder: Path, document: Json, texts: Mapping[str, str] | None = None, **files: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "x.json").write_text(json.dumps(document))
        for name, text in {**(texts or {}), **{f"{module}.py": code for module, code in files.items()}}.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)

    def run(self, *command: str) -> tuple[int, str]:
        env = {**os.environ, "TRACE": str(self.folder / "trace"), "PYTHONPATH": f"{self.folder}:{ROOT}"}
        env["HOME"] = str(self.folder)
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    @property
    def trace(self) -> list[str]:
        path = self.folder / "trace"
        return path.read_text().splitlines() if path.exists() else []


def both(tmp_path: Path, found: Json, **files: Any) -> tuple[Play, Play, str]:
    """The plays of plain Chaos Toolkit and of ours, and what ours printed."""
    plain, ours = Play(tmp_path / "plain", found, **files), Play(tmp_path / "ours", found, **files)
    chaos = str(Path(sys.executable).with_name("chaos"))
    plain.run(chaos, "--no-version-check", "--no-log-file", "run", "x.json")
    _, said = ours.run(sys.executable, "-m", "runner", "run", "x.json")
    assert "Traceback" not in said
    return plain, ours, said


PROBE = writes("p", "probe", tolerance=0) | {"tolerance": {"type": "range", "target": "status", "range": [0, 0]}}
AGAIN = {"ref": "p", "tolerance": PROBE["tolerance"]}


@pytest.mark.parametrize(
    "found",
    [
        document([writes("a"), {"type": "probe", "ref": "p"}], probes=[PROBE]),
        document([writes("a")], probes=[PROBE, {"type": "probe", **AGAIN}]),
        document([writes("a"), {"type": "action", "ref": "a"}], [{"type": "action", "ref": "a"}], [PROBE]),
        document([writes("a"), {"ref": "a"}], [{"ref": "a"}, writes("b"), {"ref": "a"}]),
        document([{"ref": "a"}, writes("a", pauses={"after": 0.1})], [{"ref": "p"}], [PROBE]),
        document([writes("a"), {"ref": "p", "name": "other", "pauses": {"after": 9}}], probes=[PROBE]),
    ],
    ids=["probe-in-method", "in-hypothesis", "action-in-rollbacks", "without-type", "ahead", "with-other-keys"],
)
def test_a_reference_plays_what_it_names_as_chaos_toolkit_does(tmp_path: Path, found: Json) -> None:
    found["runtime"] = {"hypothesis": {"strategy": "before-method-only"}}
    plain, ours, said = both(tmp_path, found)
    assert plain.trace, "plain Chaos Toolkit did nothing"
    # The look whether the service is well again, after everything was put back, is ours.
    extra = ["p"] * sum("p" in probe.values() for probe in found.get(HYPOTHESIS, {}).get("probes", ()))
    assert ours.trace == plain.trace + extra, said


LOGS = "from logzero import logger\ndef ok():\n    logger.info('x')\n    return True\n"


def test_modules_that_log_through_logzero_work_in_worker_and_undoer(tmp_path: Path) -> None:
    calls = {"type": "python", "module": "mylog", "func": "ok"}
    probe = {"type": "probe", "name": "p", "tolerance": True, "provider": calls}
    found = document([writes("a")], [{"type": "action", "name": "r", "provider": calls}, writes("b")], [probe])
    _, ours, said = both(tmp_path, found, mylog=LOGS)
    assert ours.trace == ["a", "b"]
    assert "hypothesis holds before the method" in said
    assert "undo: r – done" in said
    assert "cannot be imported" not in said
