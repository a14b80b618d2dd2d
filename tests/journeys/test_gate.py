"""The gate: whatever becomes of one experiment or of the gate itself, both files say of every experiment what became of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.journeys.harness import ROOT, Json, Service, experiment, http
from tests.waiting import until

QUICK = {"windows": {"baseline": "600ms", "recovery": "20s", "stable": "300ms"}}


class Gate:
    """A gate over the experiments of a folder, as a process."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.junit, self.summary = folder.parent / "out.xml", folder.parent / "out.md"
        files = ("--junit", str(self.junit), "--summary", str(self.summary))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runner", "gate", str(folder), *more, *files],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> int:
        self.said, self.complained = self.process.communicate(timeout=90)
        return self.process.returncode

    def errors(self) -> dict[str, str]:
        """Type of each error by the suite's name."""
        suites = ET.parse(self.junit).getroot()
        found = {s.get("name") or "": e.get("type") or "" for s in suites for e in s.iter("error")}
        return {s.get("name") or "": found.get(s.get("name") or "", "") for s in suites}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "gate"
    made.mkdir()
    return made


def put(folder: Path, name: str, document: Json | str, title: str = "") -> None:
    text = document if isinstance(document, str) else json.dumps({**document, "title": title or name})
    (folder / name).write_text(text)


def harmless(service: Service) -> Json:
    return experiment(service, method=[http("break", "/break", pauses={"after": 0.5})], **QUICK)


def lasting(service: Service) -> Json:
    return experiment(service, method=[http("break", "/break", pauses={"after": 60})], **QUICK)


def test_one_that_cannot_start_is_an_error_and_keeps_no_other_from_its_run(service: Service, folder: Path) -> None:
    put(folder, "a-invalid.yaml", "title: broken\ndescription: no method\nmethod: 3\n")
    put(folder, "b-fine.json", harmless(service))
    unsaid = {"name": "noop", "type": "action", "provider": {"type": "process", "path": "/there/is/no/such"}}
    put(folder, "c-lacks.json", experiment(service, method=[unsaid], **QUICK))
    gate = Gate(folder, "not-there.yaml")
    assert gate.end() == 2, gate.complained
    assert gate.complained.index("a-invalid") < gate.complained.index("not-there"), "all are checked"
    kinds = gate.errors()
    assert kinds["b-fine.json"] == ""
    assert [kind for name, kind in kinds.items() if name != "b-fine.json"] == ["invalid"] * 3
    summary = gate.summary.read_text()
    assert "1 of 4 experiments passed" in summary
    assert "method has to be a list" in summary
    assert "1 of 4 experiments passed, exit code 2" in gate.said


def test_a_file_without_any_run_still_has_both_results(folder: Path) -> None:
    put(folder, "a.json", "{")
    gate = Gate(folder)
    assert gate.end() == 2
    assert gate.errors()
    assert "0 of 1 experiment passed" in gate.summary.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_undoes_the_run_tells_the_others_as_not_run_and_writes_both(
    service: Service, folder: Path, number: signal.Signals
) -> None:
    put(folder, "a-first.json", harmless(service))
    put(folder, "b-broken.json", lasting(service))
    put(folder, "c-never.json", lasting(service))
    gate = Gate(folder)
    await_break(service, times=2)
    gate.process.send_signal(number)
    assert gate.end() == 5, gate.complained
    assert not service.broken
    assert service.get("/log").count("break") == 2, "the third was not begun"
    kinds = gate.errors()
    assert (kinds["a-first.json"], kinds["c-never.json"]) == ("", "not-run")
    assert kinds["b-broken.json"] == "aborted"
    assert "NOT RUN" in gate.summary.read_text()


def test_a_stop_from_another_terminal_means_the_gate(service: Service, folder: Path) -> None:
    put(folder, "a.json", lasting(service))
    put(folder, "b.json", lasting(service))
    gate = Gate(folder)
    await_break(service, times=1)
    subprocess.run([sys.executable, "-m", "runner", "stop"], cwd=ROOT, check=True, capture_output=True)
    assert gate.end() == 5
    assert service.get("/log").count("break") == 1
    assert gate.errors()["b.json"] == "not-run"


def test_a_gate_that_is_killed_has_said_what_it_did_not_come_to(service: Service, folder: Path) -> None:
    put(folder, "a.json", lasting(service))
    put(folder, "b.json", lasting(service))
    gate = Gate(folder)
    await_break(service, times=1)
    gate.process.kill()
    gate.end()
    assert gate.errors() == {"a.json": "unfinished", "b.json": "not-run"}
    assert "NOT FINISHED" in gate.summary.read_text()
    service.until_mended()
    subprocess.run([sys.executable, "-m", "runner", "recover"], cwd=ROOT, check=True, capture_output=True)


def test_what_is_left_injected_ends_the_gate(service: Service, folder: Path) -> None:
    nobody_hears = {"name": "mend", "type": "action", "provider": {"type": "http", "url": "http://127.0.0.1:1/"}}
    bad = experiment(service, method=[http("break", "/break")], rollbacks=[nobody_hears], **QUICK)
    put(folder, "a.json", bad)
    put(folder, "b.json", harmless(service))
    gate = Gate(folder)
    assert gate.end() == 6, gate.complained
    assert gate.errors()["b.json"] == "not-run"
    service.get("/mend")


@pytest.mark.parametrize("option", ["--junit", "--summary"])
@pytest.mark.parametrize("place", ["folder", "missing/out.xml", "out.docx", "fifo"])
def test_results_that_cannot_be_written_are_an_error_before_anything_is_broken(
    service: Service, folder: Path, option: str, place: str
) -> None:
    (folder.parent / "folder").mkdir()
    os.mkfifo(folder.parent / "fifo")
    put(folder, "a.json", lasting(service))
    done = subprocess.run(
        [sys.executable, "-m", "runner", "gate", str(folder), option, str(folder.parent / place)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert place.split("/")[0] in done.stderr
    assert service.get("/log") == ""


def await_break(service: Service, times: int) -> None:
    until(lambda: service.get("/log").count("break") >= times, f"{times} faults are in")
